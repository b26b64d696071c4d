//go:build linux

package lab

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

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
	return u, errors.Join(u.ownDir(u.Home), u.ownDir(u.RuntimeDir))
}

func (u *User) ownDir(dir string) error {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	return os.Chown(dir, u.UID, u.GID)
}

// Setenv sets a variable for every command that is made from now on.
func (u *User) Setenv(name, value string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.env = append(slices.Clip(u.env), name+"="+value)
}

// Unsetenv removes a variable for every command that is made from now on.
func (u *User) Unsetenv(name string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.env = slices.DeleteFunc(slices.Clone(u.env), func(v string) bool {
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
	c.Env = u.env
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

// Path returns the absolute form of a path relative to the user's home.
func (u *User) Path(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(u.Home, path)
}

// WriteFile writes a file, owned by the user, as the user's machine sees it.
// Directories that are missing are made with mode 0700.
func (u *User) WriteFile(path, content string, mode fs.FileMode) error {
	return u.write(path, content, mode, os.O_TRUNC)
}

// AppendFile appends to a file, which it makes with mode 0600 if need be.
func (u *User) AppendFile(path, content string) error {
	return u.write(path, content, 0, os.O_APPEND)
}

func (u *User) write(path, content string, mode fs.FileMode, flag int) error {
	path = u.Path(path)
	return u.Machine.place.do(func() error {
		if err := u.makeDirs(filepath.Dir(path)); err != nil {
			return err
		}
		// A child that is forked now would hold the file open for writing,
		// and nobody could execute it (ETXTBSY, golang/go#22315).
		syscall.ForkLock.RLock()
		defer syscall.ForkLock.RUnlock()
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|flag, 0o600)
		if err != nil {
			return err
		}
		_, err = f.WriteString(content)
		err = errors.Join(err, f.Chown(u.UID, u.GID))
		if mode != 0 {
			err = errors.Join(err, f.Chmod(mode))
		}
		return errors.Join(err, f.Close())
	})
}

// makeDirs makes what is missing of dir, owned by the user.
func (u *User) makeDirs(dir string) error {
	if _, err := os.Stat(dir); err == nil || !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := u.makeDirs(filepath.Dir(dir)); err != nil {
		return err
	}
	return u.ownDir(dir)
}

// ReadFile returns a file's content, as the user's machine sees it.
func (u *User) ReadFile(path string) (string, error) {
	var content []byte
	err := u.Machine.place.do(func() (err error) {
		content, err = os.ReadFile(u.Path(path))
		return err
	})
	return string(content), err
}

// CopyDir copies the regular files and directories under from to the user's.
func (u *User) CopyDir(from, to string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		return u.WriteFile(filepath.Join(to, rel), string(content), info.Mode().Perm())
	})
}

// LimitHome puts the home on a file system of that many bytes, which starts
// empty, so that a test can fill it. It is seen by the user's machine only.
func (u *User) LimitHome(bytes int) error {
	options := fmt.Sprintf("size=%d,mode=0700,uid=%d,gid=%d", bytes, u.UID, u.GID)
	return u.Machine.place.do(func() error {
		if err := unix.Mount("tmpfs", u.Home, "tmpfs", 0, options); err != nil {
			return fmt.Errorf("mount home: %w", err)
		}
		return nil
	})
}

// ReadOnlyHome makes the home read-only on the user's machine, also for what
// runs already.
func (u *User) ReadOnlyHome() error {
	return u.Machine.place.do(func() error {
		if err := unix.Mount(u.Home, u.Home, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("mount home: %w", err)
		}
		if err := unix.Mount("", u.Home, "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY, ""); err != nil {
			return fmt.Errorf("make home read-only: %w", err)
		}
		return nil
	})
}

// waitDelay is how long a command's pipes may stay open after it has ended, as
// they do when it leaves a child behind that holds them.
const waitDelay = 5 * time.Second
