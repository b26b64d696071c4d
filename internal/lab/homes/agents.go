package homes

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"syscall"
	"time"

	"github.com/mosha-ssh/mosha/internal/lab/labtest"
)

// Agents are real ssh-agents of the shell's user, by name.
type Agents struct {
	L         *Local
	Dir       string
	Elsewhere map[string]string // sockets that are not in dir
}

// NewAgents returns agents whose sockets are in a directory like sshd's.
func NewAgents(l *Local) Agents {
	l.T.Helper()
	return NewAgentsIn(l, "ssh-") // as sshd's
}

// NewAgentsIn puts their sockets into a directory whose name begins so. It is
// not below t.TempDir, whose names are too long for a socket.
func NewAgentsIn(l *Local, prefix string) Agents {
	l.T.Helper()
	dir, err := os.MkdirTemp("/tmp", prefix)
	Check(l.T, err)
	l.T.Cleanup(func() { Check(l.T, os.RemoveAll(dir)) })
	Check(l.T, os.Chmod(dir, 0o755))
	l.Own(dir)
	return Agents{L: l, Dir: dir}
}

var agentPid = regexp.MustCompile(`SSH_AGENT_PID=(\d+)`)

// Start starts an agent and returns its socket. The agent ends with the test.
func (a Agents) Start(name string) string {
	t := a.L.T
	t.Helper()
	socket := a.Dir + "/" + name
	out, err := a.L.Command("ssh-agent", "-s", "-a", socket).Output()
	Check(t, err)
	pid, err := strconv.Atoi(string(agentPid.FindSubmatch(out)[1]))
	Check(t, err)
	t.Cleanup(func() { _ = syscall.Kill(pid, syscall.SIGTERM) })
	return socket
}

// SshdName returns the name of a socket of an sshd up to 10.0: it has the pid
// of a process that is called so and lives as long as the test.
func (a Agents) SshdName() string {
	t := a.L.T
	t.Helper()
	program := filepath.Join(t.TempDir(), "sshd")
	sleep, err := os.ReadFile("/bin/sleep")
	Check(t, err)
	labtest.Program(t, program, string(sleep))
	Check(t, os.Chmod(filepath.Dir(program), 0o755))
	sshd := exec.Command(program, "600")
	Check(t, sshd.Start())
	t.Cleanup(func() {
		_ = sshd.Process.Kill()
		_ = sshd.Wait()
	})
	return "agent." + strconv.Itoa(sshd.Process.Pid)
}

// Answers tells whether an agent answers at a socket.
func (a Agents) Answers(socket string) bool {
	c := a.L.Command("ssh-add", "-l")
	c.Env = append(c.Env, "SSH_AUTH_SOCK="+socket)
	_ = c.Run()
	return c.ProcessState.ExitCode() == 1 // no identities; 2 is no agent
}

// Mallory is another user of the machine.
const Mallory = Nobody - 1

// Anothers lets another user listen at a socket, and returns it.
func (a Agents) Anothers(name string) string {
	t := a.L.T
	t.Helper()
	socket := filepath.Join(a.Dir, name)
	listener, err := net.Listen("unix", socket)
	Check(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	Check(t, os.Chmod(socket, 0o777))
	Check(t, os.Chown(socket, Mallory, Mallory))
	return socket
}

// DeadSocket makes a socket at which nobody listens.
func (l *Local) DeadSocket(dir, name string) string {
	l.T.Helper()
	path := filepath.Join(dir, name)
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
	Check(l.T, err)
	l.Abandon(listener)
	l.Own(path)
	return path
}

// Abandon closes a listener and leaves its socket. A process that another test
// starts at that moment has the listener too, until it runs its program.
func (l *Local) Abandon(listener *net.UnixListener) {
	l.T.Helper()
	listener.SetUnlinkOnClose(false)
	Check(l.T, listener.Close())
	for {
		c, err := net.Dial("unix", listener.Addr().String())
		if err != nil {
			return
		}
		Check(l.T, c.Close())
		time.Sleep(time.Millisecond)
	}
}

// Target returns what the link leads to, "" for none.
func (l *Local) Target() string {
	target, _ := os.Readlink(filepath.Join(l.Home, linkPath))
	return target
}

// Relink lets somebody else make the link.
func (l *Local) Relink(text string) {
	l.T.Helper()
	p := filepath.Join(l.Home, linkPath)
	if err := os.Remove(p); err != nil && !os.IsNotExist(err) {
		l.T.Fatal(err)
	}
	if text != "" {
		l.Lay(Symlink(linkPath, text))
	}
}
