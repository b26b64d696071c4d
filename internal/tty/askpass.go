package tty

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"strings"
)

// askpass reports whether a question goes to an askpass program in place of the
// terminal, and to which: "" if there is none. The rules are ssh's
// (readpass.c, read_passphrase): SSH_ASKPASS_REQUIRE, DISPLAY, and whether
// there is a terminal, which open tells.
func askpass(env func(string) string, open func() error) (program string, use bool) {
	allowed := env("DISPLAY") != "" || env("WAYLAND_DISPLAY") != ""
	preferred := false
	switch strings.ToLower(env("SSH_ASKPASS_REQUIRE")) {
	case "force":
		allowed, preferred = true, true
	case "prefer":
		preferred = allowed
	case "never":
		allowed = false
	}
	if !preferred && open() == nil {
		return "", false
	}
	if !allowed {
		return "", true
	}
	if program = env("SSH_ASKPASS"); program == "" {
		program = "ssh-askpass"
	}
	path, err := exec.LookPath(program)
	if err != nil {
		return "", true
	}
	return path, true
}

// maxTyped is how long an answer may be, in bytes, as in ssh.
const maxTyped = 1023

// runAskpass lets the program ask, and returns the first line that it prints.
// If it fails, there is no answer.
func runAskpass(ctx context.Context, program string, q Question) ([]byte, error) {
	cmd := exec.CommandContext(ctx, program, q.Text)
	cmd.Stderr = os.Stderr
	if q.Hint != "" {
		cmd.Env = append(os.Environ(), "SSH_ASKPASS_PROMPT="+q.Hint)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	typed := make([]byte, maxTyped)
	n, _ := io.ReadFull(out, typed)
	_, _ = io.Copy(io.Discard, out)
	if err := cmd.Wait(); err != nil {
		clear(typed)
		return nil, errNoAnswer
	}
	if end := bytes.IndexAny(typed[:n], "\r\n"); end >= 0 {
		n = end
	}
	if q.Hint == "confirm" && n == 0 { // whoever confirms need not say so
		n = copy(typed, "yes")
	}
	return typed[:n], nil
}
