//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

// command is mosha with args. When ctx ends it gets the signal of a closed
// terminal, and ends its session in good order.
func (s *stage) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, s.mosha, args...)
	cmd.Env = s.environ()
	cmd.Dir = s.path("laptop")
	cmd.Cancel = func() error { return cmd.Process.Signal(unix.SIGHUP) }
	return cmd
}

// launch returns mosha's arguments that launch a session on the stage.
func (s *stage) launch(command ...string) []string {
	args := []string{"--ssh=ssh -F " + s.path("laptop/config")}
	if os.Geteuid() != 0 {
		// sshd gives a terminal to the group tty, which only root can do,
		// unless devpts is mounted with gid=5 as usual.
		args = append(args, "--no-ssh-pty")
	}
	args = append(args, "demo")
	if len(command) == 0 {
		return args
	}
	return append(append(args, "--"), command...)
}

// runShell gives the terminal to a session and returns mosha's exit status.
func (s *stage) runShell(ctx context.Context) (int, error) {
	cmd := s.command(ctx, s.launch()...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	return exitStatus(cmd.Run())
}

// runCommand runs a command line for sh in a session on a terminal of its own.
// What mosh paints there is a screen, so the session leaves the command's
// output and its exit status in files.
func (s *stage) runCommand(ctx context.Context, line string) (int, error) {
	const script = `sh -c "$1" >"$2/output" 2>&1; echo $? >"$2/status"`
	cmd := s.command(ctx, s.launch("sh", "-c", script, "sh", line, s.dir)...)
	cmd.Env = append(cmd.Env, "TERM=xterm")
	terminal, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 24, Cols: 80})
	if err != nil {
		return 1, err
	}
	defer terminal.Close()
	var screen bytes.Buffer
	_, _ = io.Copy(&screen, terminal) // ends with EIO when the last process has left the terminal
	status, err := exitStatus(cmd.Wait())
	if err != nil {
		return status, err
	}
	return s.showResult(status, screen.String())
}

// showResult prints the command's output and returns its exit status. If the
// command has not run, it prints what mosha said.
func (s *stage) showResult(status int, screen string) (int, error) {
	output, err := os.ReadFile(s.path("output"))
	if err != nil {
		return max(status, 1), fmt.Errorf("the command did not run:\n%s", screen)
	}
	if _, err := os.Stdout.Write(output); err != nil {
		return 1, err
	}
	text, err := os.ReadFile(s.path("status"))
	if err != nil {
		return 1, fmt.Errorf("the session ended before the command: %w", err)
	}
	return strconv.Atoi(strings.TrimSpace(string(text)))
}

// exitStatus turns the end of a process into its exit status, as a shell does.
// If a signal ended the demo, there is no error to report: somebody sent it.
func exitStatus(err error) (int, error) {
	if errors.Is(err, context.Canceled) {
		return 1, nil
	}
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return 0, err
	}
	if wait, ok := exit.Sys().(unix.WaitStatus); ok && wait.Signaled() {
		return 128 + int(wait.Signal()), nil
	}
	return exit.ExitCode(), nil
}
