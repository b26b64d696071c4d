package transport

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"

	"github.com/mosha-ssh/mosha/internal/sshconn"
	"github.com/mosha-ssh/mosha/internal/sshconn/knownhosts"
	"golang.org/x/crypto/ssh"

	"github.com/mosha-ssh/mosha/internal/child"
)

const (
	// krlMagic begins a key revocation list (PROTOCOL.krl).
	krlMagic = "SSHKRL\n\x00"
	// maxRevoked bounds what is read of one file of RevokedHostKeys.
	maxRevoked = 64 << 20
	// krlLimit bounds ssh-keygen's run.
	krlLimit = 10 * time.Second
)

// checkRevoked looks the key, and its certificate's authority, up in
// RevokedHostKeys. As for ssh, a file that cannot be read revokes every key.
func (h *hostKeys) checkRevoked(key ssh.PublicKey) error {
	for _, file := range h.cfg.RevokedHostKeys {
		line, revoked, err := revokedIn(h.ctx, file, key, h.cfg.HostKeyAlgorithms)
		if h.ctx.Err() != nil {
			return context.Cause(h.ctx)
		}
		at := knownhosts.Result{Found: knownhosts.Found{File: file, Line: line}}
		switch {
		case err != nil:
			h.log.Error().Err(err).Str("file", file).Msg("RevokedHostKeys cannot be read")
			return h.refuse(sshconn.KeyUncheckable, key, at)
		case revoked:
			return h.refuse(sshconn.KeyRevoked, key, at)
		}
	}
	return nil
}

// revokedIn says whether a file revokes the key, and in which line if the file is
// a list of keys, which may be of other kinds that ssh has.
func revokedIn(ctx context.Context, file string, key ssh.PublicKey, kinds []string) (line int, revoked bool, err error) {
	f, err := os.Open(file)
	if err != nil {
		return 0, false, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxRevoked+1))
	switch {
	case err != nil:
		return 0, false, err
	case len(text) > maxRevoked:
		return 0, false, fmt.Errorf("longer than %d MB", maxRevoked>>20)
	case bytes.HasPrefix(text, []byte(krlMagic)):
		revoked, err = revokedByKRL(ctx, file, key)
		return 0, revoked, err
	}
	line, err = knownhosts.ListHas(string(text), key, kinds)
	return line, line > 0, err
}

// revokedByKRL has ssh-keygen look into a key revocation list: it ends with 0 if
// the key is not in it, with 1 if it is, and with 255 if the list is broken.
func revokedByKRL(ctx context.Context, file string, key ssh.PublicKey) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, krlLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, "ssh-keygen", "-Q", "-f", file, "/dev/stdin")
	cmd.Stdin = bytes.NewReader(ssh.MarshalAuthorizedKey(key))
	child.KillGroup(cmd)
	err := cmd.Run()
	var exit *exec.ExitError
	if ctx.Err() == nil && errors.As(err, &exit) && exit.ExitCode() == 1 {
		return true, nil
	}
	return false, err
}
