//go:build linux

package lab

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// waitDelay is how long a command's pipes may stay open after its end, as they
// do when it leaves a child behind that holds them.
const waitDelay = 5 * time.Second

// Cmd is an exec.Cmd that is started on a machine of the lab.
type Cmd struct {
	*exec.Cmd
	place *place
}

// Command returns a command that will run on the machine as root, in a session
// of its own.
func (m *Machine) Command(ctx context.Context, name string, args ...string) *Cmd {
	return newCmd(ctx, m.place, name, args...)
}

// newCmd makes a command that is killed, with its process group, when ctx ends
// or when the place is closed or its process dies.
func newCmd(ctx context.Context, p *place, name string, args ...string) *Cmd {
	c := &Cmd{exec.CommandContext(ctx, name, args...), p}
	c.WaitDelay = waitDelay
	c.Cancel = c.killGroup
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if p != nil {
		c.SysProcAttr.Pdeathsig = unix.SIGKILL
	}
	return c
}

func (c *Cmd) killGroup() error {
	err := unix.Kill(-c.Process.Pid, unix.SIGKILL)
	if errors.Is(err, unix.ESRCH) {
		return os.ErrProcessDone
	}
	return err
}

// Start starts the command, as exec.Cmd.Start does.
func (c *Cmd) Start() error { return c.place.do(c.Cmd.Start) }

// Run starts the command and waits for it.
func (c *Cmd) Run() error {
	if err := c.Start(); err != nil {
		return err
	}
	return c.Wait()
}

// Output runs the command and returns its standard output. Unless Stderr is
// set, an *exec.ExitError has its standard error.
func (c *Cmd) Output() ([]byte, error) {
	var stdout, stderr bytes.Buffer
	c.Stdout = &stdout
	if c.Stderr == nil {
		c.Stderr = &stderr
	}
	err := c.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		exit.Stderr = stderr.Bytes()
	}
	return stdout.Bytes(), err
}

// CombinedOutput runs the command and returns what it wrote to its standard
// output and error.
func (c *Cmd) CombinedOutput() ([]byte, error) {
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	err := c.Run()
	return out.Bytes(), err
}
