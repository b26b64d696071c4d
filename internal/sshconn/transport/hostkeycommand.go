package transport

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"

	"github.com/mosha-ssh/mosha/internal/sshconfig"
	"github.com/mosha-ssh/mosha/internal/sshconn"
	"golang.org/x/crypto/ssh"

	"github.com/mosha-ssh/mosha/internal/text"

	"github.com/mosha-ssh/mosha/internal/child"
)

const (
	// maxCommandOutput bounds what a command about host keys may print.
	maxCommandOutput = 4 << 20
	// commandLimit bounds how long it may take; somebody may look the keys up in
	// a directory that is far away.
	commandLimit = time.Minute
)

// command returns what runs KnownHostsCommand for a name or an address, nil if
// there is none. key is the server's, nil before it is seen.
func (h *hostKeys) command(key ssh.PublicKey) func(purpose, name string) (string, error) {
	if h.cfg.KnownHostsCommand == "" {
		return nil
	}
	return func(purpose, name string) (string, error) {
		about := sshconfig.HostKeyTokens{Invocation: purpose, Name: name, KeyType: "NONE", Fingerprint: "NONE", Key: "NONE"}
		if key != nil {
			about.KeyType, about.Fingerprint = key.Type(), fingerprintFor(h.cfg, key)
			about.Key = base64.StdEncoding.EncodeToString(key.Marshal())
		}
		args, err := h.cfg.KnownHostsArgs(about, os.LookupEnv)
		if bad := (*sshconfig.CommandError)(nil); errors.As(err, &bad) && bad.Ignored {
			h.log.Error().Err(err).Msg("no keys from KnownHostsCommand")
			return "", nil
		}
		if err != nil {
			return "", err
		}
		return h.runCommand(args)
	}
}

// runCommand returns what the command printed. One that is not there prints
// nothing, as for ssh: some distributions configure one that need not be
// installed.
func (h *hostKeys) runCommand(args []string) (string, error) {
	ctx, cancel := context.WithTimeout(h.ctx, commandLimit)
	defer cancel()
	stdout := text.Head{Left: maxCommandOutput}
	stderr := &child.Lines{Log: h.log, From: "KnownHostsCommand", Tell: programSays(h.tell), HoldBack: heldBack}
	defer stderr.Hush()
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Stdout, cmd.Stderr = &stdout, stderr
	child.KillGroup(cmd)
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case h.ctx.Err() != nil:
		return "", context.Cause(h.ctx)
	case ctx.Err() != nil:
		return "", &sshconn.KnownHostsCommandError{Program: args[0], Status: -1, Message: fmt.Sprintf("no end within %v", commandLimit)}
	case errors.As(err, &exit):
		return "", &sshconn.KnownHostsCommandError{Program: args[0], Status: exit.ExitCode(), Message: stderr.Last()}
	case stdout.Over:
		return "", &sshconn.KnownHostsCommandError{Program: args[0], Status: -1, Message: fmt.Sprintf("more than %d MB of output", maxCommandOutput>>20)}
	case err != nil && !errors.Is(err, exec.ErrWaitDelay):
		h.log.Error().Err(err).Msg("no keys from KnownHostsCommand")
		return "", nil
	}
	return string(stdout.Kept), nil
}
