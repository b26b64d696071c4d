// Package homes has homes for tests of what runs and writes on a remote: a
// [Local] on this machine, with a shell of any kind, and the account of a [Site],
// behind a real sshd.
package homes

import (
	"context"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/mosha-ssh/mosha/internal/lab/labtest"
)

// Shells are the shells that a remote's /bin/sh may be. The first two, which
// stand for the others, have least in common.
var Shells = []struct {
	name     string
	Argv     []string
	userland string // run with the programs of this one
}{
	{name: "dash", Argv: []string{"dash"}},
	{name: "busybox", Argv: []string{"busybox", "sh"}, userland: "busybox"},
	{name: "bash", Argv: []string{"bash", "--posix"}},
	{name: "mksh", Argv: []string{"mksh"}},
	{name: "toybox", Argv: []string{"mksh"}, userland: "toybox"}, // as Android
	{name: "zsh", Argv: []string{"zsh", "--emulate", "sh"}},
}

// EachShell runs a test under those that stand for the others, or under all.
func EachShell(t *testing.T, test func(t *testing.T, l *Local)) {
	tried := Shells[:2]
	if labtest.Whole {
		tried = Shells
	}
	for _, s := range tried {
		t.Run(s.name, func(t *testing.T) { test(t, NewLocal(t, s.Argv, s.userland)) })
	}
}

// Nobody is the user that the shells run as when the tests run as root, to
// whom modes mean nothing.
const Nobody = 65534

// Local is a Runner that starts shells of this machine in a home of their own.
type Local struct {
	T        *testing.T
	Home     string
	Path     string // PATH
	Argv     []string
	Userland string   // busybox or toybox; "" for this machine's own
	Env      []string // wins over the environment that sshd would set
	User     int      // the shell's user if the test runs as root

	OpenSSH bool   // what its holders are told of the server
	Known   string // and of the socket
}

// NewLocal returns a Local of a shell, with the programs of a userland.
func NewLocal(t *testing.T, argv []string, userland string) *Local {
	t.Helper()
	program, err := exec.LookPath(argv[0])
	Check(t, err)
	l := &Local{Argv: append([]string{program}, argv[1:]...), Userland: userland, User: Nobody, Path: "/usr/bin:/bin"}
	if userland != "" {
		l.Path = OpenDir(t)
		l.install(t, userland)
	}
	return l.Another(t)
}

// install puts a userland's programs into the only directory of PATH. Debian's
// busybox has no cksum, others may, and its toybox has no dd, others have.
func (l *Local) install(t *testing.T, userland string) {
	t.Helper()
	program, err := exec.LookPath(userland)
	Check(t, err)
	names, err := exec.Command(program, map[string]string{"busybox": "--list", "toybox": "--long"}[userland]).Output()
	Check(t, err)
	for _, name := range strings.Fields(string(names)) {
		Check(t, os.Symlink(program, filepath.Join(l.Path, filepath.Base(name))))
	}
	switch userland {
	case "busybox":
		_ = os.Remove(filepath.Join(l.Path, "cksum"))
		labtest.Program(t, filepath.Join(l.Path, "cksum"), "#!/bin/sh\nexit 127\n")
	case "toybox":
		dd, err := exec.LookPath("dd")
		Check(t, err)
		Check(t, os.Symlink(dd, filepath.Join(l.Path, "dd")))
		Check(t, os.Symlink(l.Argv[0], filepath.Join(l.Path, "sh")))
	}
}

// Another returns the same shell in a fresh home.
func (l *Local) Another(t *testing.T) *Local {
	t.Helper()
	fresh := *l
	fresh.T, fresh.Home = t, filepath.Join(OpenDir(t), "home")
	fresh.Env = []string{"HOME=" + fresh.Home, "SHELL=/bin/bash", "PATH=" + l.Path}
	Check(t, os.Mkdir(fresh.Home, 0o755))
	fresh.Own(fresh.Home)
	return &fresh
}

// OpenDir returns a temporary directory that every user may enter.
func OpenDir(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	for dir := root; dir != filepath.Clean(os.TempDir()); dir = filepath.Dir(dir) {
		Check(t, os.Chmod(dir, 0o755))
	}
	return root
}

// Own gives files of the test to the shell's user.
func (l *Local) Own(paths ...string) {
	l.T.Helper()
	if os.Getuid() != 0 {
		return
	}
	for _, p := range paths {
		Check(l.T, os.Lchown(p, l.User, l.User))
	}
}

// Command returns a command that runs as the shell's user in its home.
func (l *Local) Command(argv ...string) *exec.Cmd {
	if signal.Ignored(syscall.SIGHUP) { // as under nohup; sshd's children do not
		signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP)
	}
	c := exec.Command(argv[0], argv[1:]...)
	c.Dir = l.Home
	c.Env = l.Env
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // as under sshd
	if os.Getuid() == 0 {
		c.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(l.User), Gid: uint32(l.User)}
	}
	return c
}

// Shell starts the shell.
func (l *Local) Shell(context.Context) (io.ReadWriteCloser, error) {
	c := l.Command(l.Argv...)
	return StartShell(l.T, c, &c.Stderr)
}

// Process is a running shell.
type Process struct {
	io.Reader
	io.WriteCloser
	Cmd  command
	once sync.Once
}

// command is an exec.Cmd, or the lab's.
type command interface {
	StdinPipe() (io.WriteCloser, error)
	StdoutPipe() (io.ReadCloser, error)
	Start() error
	Wait() error
}

// StartShell starts a command. What it writes to its standard error is an error
// of the test, unless stderr is nil.
func StartShell(t *testing.T, c command, stderr *io.Writer) (*Process, error) {
	in, err := c.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := c.StdoutPipe()
	if err != nil {
		return nil, err
	}
	var complaints strings.Builder
	if stderr != nil {
		*stderr = &complaints
	}
	if err := c.Start(); err != nil {
		return nil, err
	}
	p := &Process{Reader: out, WriteCloser: in, Cmd: c}
	t.Cleanup(func() {
		_ = p.Close()
		if complaints.Len() > 0 {
			t.Errorf("the shell wrote to its standard error: %q", &complaints)
		}
	})
	return p, nil
}

// Close does what sshd does to the command of a session that ends: its input
// and output end, and it is left to itself. Close waits for it.
func (p *Process) Close() error {
	p.once.Do(func() {
		_ = p.WriteCloser.Close()
		_, _ = io.Copy(io.Discard, p.Reader)
		_ = p.Cmd.Wait()
	})
	return nil
}

// Check ends the test if there is an error.
func Check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// foreign is what only some systems' programs have.
var foreign = regexp.MustCompile(`readlink -|mv -[a-zA-Z]*T|\btimeout\b|sed -i|\blocal\b|\[\[|\bseq\b|stat -c|date -|mktemp|echo -|printf %q|<\(`)

// Plain fails the test if a script has something, beside its comments, that only
// some systems' programs have.
func Plain(t *testing.T, name, script string) {
	t.Helper()
	for line := range strings.Lines(script) {
		if !strings.HasPrefix(strings.TrimLeft(line, " "), "#") && foreign.MatchString(line) {
			t.Errorf("%s: %s", name, line)
		}
	}
}
