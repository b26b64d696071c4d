//go:build linux

package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// Agent is a real ssh-agent. It is not in its user's environment until Setenv
// puts it there.
type Agent struct {
	// Sock is what SSH_AUTH_SOCK is to be.
	Sock string

	user  *User
	cmd   *Cmd
	ended chan struct{}
}

// Agent starts an ssh-agent(1) without keys.
func (u *User) Agent() (*Agent, error) {
	a := &Agent{user: u}
	return a, a.start(u.newSock())
}

// newSock names a socket in a directory that only the user may enter.
func (u *User) newSock() string {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.agents++
	return filepath.Join(u.RuntimeDir, fmt.Sprintf("agent%d", u.agents))
}

func (a *Agent) start(sock string) error {
	a.Sock = sock
	a.cmd = a.user.Command(context.Background(), "ssh-agent", "-D", "-a", sock)
	a.ended = make(chan struct{})
	if err := a.cmd.Start(); err != nil {
		return err
	}
	go func() {
		defer close(a.ended)
		_ = a.cmd.Wait()
	}()
	return Eventually(context.Background(), "ssh-agent listens", func() (bool, error) {
		select {
		case <-a.ended:
			return false, fmt.Errorf("ssh-agent ended: %v", a.cmd.ProcessState)
		default:
		}
		conn, err := net.Dial("unix", sock)
		if err != nil {
			return false, nil
		}
		return true, conn.Close()
	})
}

// Stop ends the agent. Its keys are lost.
func (a *Agent) Stop() error {
	err := a.cmd.Process.Signal(unix.SIGTERM)
	if errors.Is(err, os.ErrProcessDone) {
		err = nil
	}
	<-a.ended
	return err
}

// Restart replaces the agent by one without keys, on the same socket or on a
// new one, which is in Sock then.
func (a *Agent) Restart(newSock bool) error {
	if err := a.Stop(); err != nil {
		return err
	}
	sock := a.Sock
	if newSock {
		sock = a.user.newSock()
	}
	if err := os.Remove(a.Sock); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return a.start(sock)
}

// Add adds a key from its file. Args are ssh-add's, such as -c or -t 10.
func (a *Agent) Add(key Key, args ...string) error {
	_, err := a.sshAdd(append(args, key.Path)...)
	return err
}

// Keys returns the public keys that the agent has, as in authorized_keys.
func (a *Agent) Keys() ([]string, error) {
	const exitEmpty = 1 // ssh-add(1): the agent has no identities
	out, err := a.sshAdd("-L")
	var failed *AgentError
	if errors.As(err, &failed) && failed.Exit == exitEmpty {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return strings.Split(strings.TrimSpace(out), "\n"), nil
}

// AgentError says that ssh-add failed.
type AgentError struct {
	Exit   int
	Output string
}

func (e *AgentError) Error() string {
	return fmt.Sprintf("ssh-add: exit status %d: %s", e.Exit, e.Output)
}

func (a *Agent) sshAdd(args ...string) (string, error) {
	cmd := a.user.Command(context.Background(), "ssh-add", args...)
	cmd.Env = append(cmd.Env, "SSH_AUTH_SOCK="+a.Sock)
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState != nil && !cmd.ProcessState.Success() {
		return "", &AgentError{Exit: cmd.ProcessState.ExitCode(), Output: strings.TrimSpace(string(out))}
	}
	return string(out), err
}
