package hostkey

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/mosha-ssh/mosha/internal/child"
	"github.com/mosha-ssh/mosha/internal/sshconn"
	"github.com/mosha-ssh/mosha/internal/sshconn/hostkey/knownhosts"
)

// ssh heeds RevokedHostKeys too, for a connection of its own. Here they are for
// the next launches over that connection, since a list may have grown, and so
// that nobody is asked about a revoked key and none is written down.

const (
	// krlMagic begins a key revocation list (PROTOCOL.krl).
	krlMagic = "SSHKRL\n\x00"
	// maxRevoked bounds what is read of one file of RevokedHostKeys.
	maxRevoked = 64 << 20
)

// krlLimit bounds ssh-keygen's run. Tests shorten it.
var krlLimit = 10 * time.Second

// checkRevoked looks the key, and its certificate's authority, up in
// RevokedHostKeys. As for ssh, a file that cannot be read revokes every key.
func (v *Verifier) checkRevoked(key ssh.PublicKey) error {
	for _, file := range v.cfg.RevokedHostKeys {
		line, revoked, err := v.revokedIn(file, key)
		if v.ctx.Err() != nil {
			return context.Cause(v.ctx)
		}
		at := knownhosts.Result{Found: knownhosts.Found{File: file, Line: line}}
		switch {
		case errors.Is(err, context.DeadlineExceeded):
			v.log.Error().Str("file", file).Msg("ssh-keygen did not look into RevokedHostKeys in time")
			return v.refuse(sshconn.KeySlow, key, at)
		case err != nil:
			v.log.Error().Err(err).Str("file", file).Msg("RevokedHostKeys cannot be read")
			return v.refuse(sshconn.KeyUncheckable, key, at)
		case revoked:
			return v.refuse(sshconn.KeyRevoked, key, at)
		}
	}
	return nil
}

// revokedIn reports whether a file revokes the key, and in which line if the
// file is a list of keys.
func (v *Verifier) revokedIn(file string, key ssh.PublicKey) (line int, revoked bool, err error) {
	text, err := readBounded(file)
	switch {
	case err != nil:
		return 0, false, err
	case bytes.HasPrefix(text, []byte(krlMagic)):
		revoked, err = v.revokedByKRL(file, key)
		return 0, revoked, err
	}
	line, err = knownhosts.FindInList(string(text), key, v.cfg.HostKeyAlgorithms)
	return line, line > 0, err
}

// readBounded reads a file of at most maxRevoked.
func readBounded(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxRevoked+1))
	if err == nil && len(text) > maxRevoked {
		err = fmt.Errorf("longer than %d MB", maxRevoked>>20)
	}
	return text, err
}

// revokedByKRL has ssh-keygen look into a key revocation list: it ends with 0 if
// the key is not in it, with 1 if it is, and with 255 if the list is broken.
func (v *Verifier) revokedByKRL(file string, key ssh.PublicKey) (bool, error) {
	ctx, cancel := context.WithTimeout(v.ctx, krlLimit)
	defer cancel()
	cmd := v.env.Command(ctx, "ssh-keygen", "-Q", "-f", file, "/dev/stdin")
	cmd.Stdin = bytes.NewReader(ssh.MarshalAuthorizedKey(key))
	cmd.WaitDelay = child.Grace
	err := cmd.Run()
	if err != nil && ctx.Err() != nil {
		return false, ctx.Err()
	}
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && exit.ExitCode() == 1 {
		return true, nil
	}
	return false, err
}
