package bootstrap

import (
	"context"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/mosha-ssh/mosha/internal/lab/labtest"
	"github.com/mosha-ssh/mosha/internal/remotesh"
)

// shells are the shells that a remote's /bin/sh may be. The first two, which
// stand for the others, have least in common.
var shells = []struct {
	name     string
	argv     []string
	userland string // run with the programs of this one
}{
	{name: "dash", argv: []string{"dash"}},
	{name: "busybox", argv: []string{"busybox", "sh"}, userland: "busybox"},
	{name: "bash", argv: []string{"bash", "--posix"}},
	{name: "mksh", argv: []string{"mksh"}},
	{name: "toybox", argv: []string{"mksh"}, userland: "toybox"}, // as Android
	{name: "zsh", argv: []string{"zsh", "--emulate", "sh"}},
}

// eachShell runs a test under those that stand for the others, or under all.
func eachShell(t *testing.T, test func(t *testing.T, l *local)) {
	tried := shells[:2]
	if labtest.Whole {
		tried = shells
	}
	for _, s := range tried {
		t.Run(s.name, func(t *testing.T) { test(t, newLocal(t, s.argv, s.userland)) })
	}
}

// nobody is the user that the shells run as when the tests run as root, to
// whom modes mean nothing.
const nobody = 65534

// local is a Runner that starts shells of this machine in a home of their own.
type local struct {
	t        *testing.T
	home     string
	path     string // PATH
	argv     []string
	userland string   // busybox or toybox; "" for this machine's own
	env      []string // wins over the environment that sshd would set
	user     int      // the shell's user if the test runs as root

	forwarding remotesh.Forwarding // what its holders are told
}

func newLocal(t *testing.T, argv []string, userland string) *local {
	t.Helper()
	program, err := exec.LookPath(argv[0])
	check(t, err)
	l := &local{argv: append([]string{program}, argv[1:]...), userland: userland, user: nobody, path: "/usr/bin:/bin"}
	if userland != "" {
		l.path = openDir(t)
		l.install(t, userland)
	}
	return l.another(t)
}

// install puts a userland's programs into the only directory of PATH. Debian's
// busybox has no cksum, others may, and its toybox has no dd, others have.
func (l *local) install(t *testing.T, userland string) {
	t.Helper()
	program, err := exec.LookPath(userland)
	check(t, err)
	names, err := exec.Command(program, map[string]string{"busybox": "--list", "toybox": "--long"}[userland]).Output()
	check(t, err)
	for _, name := range strings.Fields(string(names)) {
		check(t, os.Symlink(program, filepath.Join(l.path, filepath.Base(name))))
	}
	switch userland {
	case "busybox":
		_ = os.Remove(filepath.Join(l.path, "cksum"))
		labtest.Program(t, filepath.Join(l.path, "cksum"), "#!/bin/sh\nexit 127\n")
	case "toybox":
		dd, err := exec.LookPath("dd")
		check(t, err)
		check(t, os.Symlink(dd, filepath.Join(l.path, "dd")))
		check(t, os.Symlink(l.argv[0], filepath.Join(l.path, "sh")))
	}
}

// another returns the same shell in a fresh home.
func (l *local) another(t *testing.T) *local {
	t.Helper()
	fresh := *l
	fresh.t, fresh.home = t, filepath.Join(openDir(t), "home")
	fresh.env = []string{"HOME=" + fresh.home, "SHELL=/bin/bash", "PATH=" + l.path}
	check(t, os.Mkdir(fresh.home, 0o755))
	fresh.own(fresh.home)
	return &fresh
}

// openDir returns a temporary directory that every user may enter.
func openDir(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	for dir := root; dir != filepath.Clean(os.TempDir()); dir = filepath.Dir(dir) {
		check(t, os.Chmod(dir, 0o755))
	}
	return root
}

// own gives files of the test to the shell's user.
func (l *local) own(paths ...string) {
	l.t.Helper()
	if os.Getuid() != 0 {
		return
	}
	for _, p := range paths {
		check(l.t, os.Lchown(p, l.user, l.user))
	}
}

// command returns a command that runs as the shell's user in its home.
func (l *local) command(argv ...string) *exec.Cmd {
	if signal.Ignored(syscall.SIGHUP) { // as under nohup; sshd's children do not
		signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP)
	}
	c := exec.Command(argv[0], argv[1:]...)
	c.Dir = l.home
	c.Env = l.env
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // as under sshd
	if os.Getuid() == 0 {
		c.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(l.user), Gid: uint32(l.user)}
	}
	return c
}

// Shell starts the shell.
func (l *local) Shell(context.Context) (remotesh.Shell, error) {
	c := l.command(l.argv...)
	return startShell(l.t, c, &c.Stderr)
}

// process is a running shell.
type process struct {
	io.Reader
	io.WriteCloser
	cmd  command
	once sync.Once
}

// command is an exec.Cmd, or the lab's.
type command interface {
	StdinPipe() (io.WriteCloser, error)
	StdoutPipe() (io.ReadCloser, error)
	Start() error
	Wait() error
}

// startShell starts a command. What it writes to its standard error is an error
// of the test, unless stderr is nil.
func startShell(t *testing.T, c command, stderr *io.Writer) (*process, error) {
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
	p := &process{Reader: out, WriteCloser: in, cmd: c}
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
func (p *process) Close() error {
	p.once.Do(func() {
		_ = p.WriteCloser.Close()
		_, _ = io.Copy(io.Discard, p.Reader)
		_ = p.cmd.Wait()
	})
	return nil
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
