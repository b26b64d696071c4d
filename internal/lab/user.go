//go:build linux

package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// User is a real Unix user at home on one of the machines.
type User struct {
	Name       string
	UID, GID   int
	Home       string // mode 0700
	Shell      string
	RuntimeDir string // what XDG_RUNTIME_DIR says; mode 0700
	Machine    *Machine

	mu     sync.Mutex
	env    []string
	agents int
}

// UserOption changes how AddUser makes a user.
type UserOption func(*User) error

// Skel fills the home from /etc/skel, as adduser does.
func Skel() UserOption {
	return func(u *User) error { return u.CopyDir("/etc/skel", ".") }
}

// AddUser makes a user with an empty home, who has no password and until
// Authorize no way to log in. The shell is a path or a program's name. Close
// removes the user.
func (m *Machine) AddUser(shell string, opts ...UserOption) (*User, error) {
	shell, err := findProgram(shell)
	if err != nil {
		return nil, err
	}
	m.lab.mu.Lock()
	u, err := m.newUser(shell)
	m.lab.mu.Unlock()
	if err != nil {
		return nil, err
	}
	for _, opt := range opts {
		if err := opt(u); err != nil {
			return nil, err
		}
	}
	return u, nil
}

// newUser is called with the lab's lock held.
func (m *Machine) newUser(shell string) (*User, error) {
	l := m.lab
	if l.closed {
		return nil, errClosed
	}
	home := l.path(fmt.Sprintf("u%d", len(l.users)+1))
	name, err := createUser(home, shell)
	if err != nil {
		return nil, err
	}
	all, err := labUsers()
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(all, func(a account) bool { return a.name == name })
	if i < 0 {
		return nil, fmt.Errorf("user %s is not in %s", name, passwdFile)
	}
	u := &User{
		Name: name, UID: all[i].uid, GID: all[i].gid, Home: home, Shell: shell,
		RuntimeDir: home + "run", Machine: m,
	}
	l.users = append(l.users, u)
	u.env = []string{
		"HOME=" + u.Home, "USER=" + u.Name, "LOGNAME=" + u.Name, "SHELL=" + u.Shell,
		"PATH=/usr/local/bin:/usr/bin:/bin:/usr/games",
		"LANG=C.UTF-8", "TERM=xterm-256color", "XDG_RUNTIME_DIR=" + u.RuntimeDir,
	}
	if raceEnabled {
		u.env = append(u.env, raceAtOnce)
	}
	return u, errors.Join(u.ownDir(u.Home), u.ownDir(u.RuntimeDir))
}

func (u *User) ownDir(dir string) error {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	return os.Chown(dir, u.UID, u.GID)
}

// SetPassword gives the user a password, with which an sshd that has
// PasswordAuthentication lets them in.
func (u *User) SetPassword(password string) error {
	global, err := lockFile(passwdLock, unix.LOCK_EX)
	if err != nil {
		return err
	}
	defer global.Close()
	program, err := findProgram("chpasswd")
	if err != nil {
		return err
	}
	cmd := exec.Command(program)
	cmd.Stdin = strings.NewReader(u.Name + ":" + password + "\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("chpasswd: %w: %s", err, out)
	}
	return nil
}

// Setenv sets a variable for every command that is made from now on.
func (u *User) Setenv(name, value string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.env = append(u.env, name+"="+value)
}

// Unsetenv removes a variable for every command that is made from now on.
func (u *User) Unsetenv(name string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.env = slices.DeleteFunc(u.env, func(v string) bool {
		return strings.HasPrefix(v, name+"=")
	})
}

func (u *User) getenv(name string) string {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, v := range slices.Backward(u.env) {
		if value, ok := strings.CutPrefix(v, name+"="); ok {
			return value
		}
	}
	return ""
}

// Command returns a command that will run on the user's machine, as that user,
// in its home, in a session and process group of its own and with the clean
// environment of a login: HOME, USER, LOGNAME, SHELL, PATH, LANG=C.UTF-8, TERM,
// XDG_RUNTIME_DIR and what Setenv said. Name is looked up in that PATH. When
// ctx ends, the whole process group is killed.
func (u *User) Command(ctx context.Context, name string, args ...string) *Cmd {
	path, err := lookPath(name, u.getenv("PATH"))
	c := newCmd(ctx, u.Machine.place, path, args...)
	c.Args[0] = name
	if err != nil {
		c.Err = err
	}
	u.mu.Lock()
	c.Env = slices.Clone(u.env)
	u.mu.Unlock()
	c.Dir = u.Home
	c.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(u.UID), Gid: uint32(u.GID)}
	return c
}

// lookPath is exec.LookPath with another PATH.
func lookPath(name, dirs string) (string, error) {
	if strings.Contains(name, "/") {
		return name, nil
	}
	for _, dir := range filepath.SplitList(dirs) {
		if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return path, nil
		}
	}
	return name, &exec.Error{Name: name, Err: exec.ErrNotFound}
}
