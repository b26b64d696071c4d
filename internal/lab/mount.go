//go:build linux

package lab

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// Hide makes programs (absolute paths) absent on this machine, for good.
// Processes that run already keep them.
func (m *Machine) Hide(paths ...string) error {
	for _, path := range paths {
		if err := m.cover(filepath.Dir(path)); err != nil {
			return err
		}
		if err := m.place.do(func() error { return os.Remove(path) }); err != nil {
			return err
		}
	}
	return nil
}

// Replace puts a file with that content and mode in the place of path, which
// must be absolute, or adds it. Only this machine sees it.
func (m *Machine) Replace(path, content string, mode os.FileMode) error {
	if err := m.cover(filepath.Dir(path)); err != nil {
		return err
	}
	return m.place.do(func() error {
		if err := os.RemoveAll(path); err != nil {
			return err
		}
		return writeFile(path, os.O_EXCL, mode, strings.NewReader(content), nil)
	})
}

// cover puts a writable overlay on dir, so that this machine alone sees changes
// in it. They are kept in memory.
func (m *Machine) cover(dir string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.covered[dir] {
		return nil
	}
	upper := m.lab.path(fmt.Sprintf("%s-over%d", m.Name, len(m.covered)+1))
	if err := os.Mkdir(upper, 0o755); err != nil {
		return err
	}
	if err := m.place.do(func() error { return mountOverlay(dir, upper) }); err != nil {
		return fmt.Errorf("cover %s: %w", dir, err)
	}
	if dir == "/etc" { // has covered this as well
		if err := m.place.do(m.mountHosts); err != nil {
			return err
		}
	}
	m.covered[dir] = true
	return nil
}

// mountOverlay covers dir by an overlay whose upper layer is a new file system
// on upper. That is in memory: an overlay cannot be the upper layer of another,
// and a container's root often is one.
func mountOverlay(dir, upper string) error {
	if err := unix.Mount("tmpfs", upper, "tmpfs", 0, "mode=0755"); err != nil {
		return err
	}
	for _, sub := range []string{"/up", "/work"} {
		if err := os.Mkdir(upper+sub, 0o755); err != nil {
			return err
		}
	}
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	if err := os.Chmod(upper+"/up", info.Mode()); err != nil {
		return err
	}
	options := fmt.Sprintf("lowerdir=%s,upperdir=%s/up,workdir=%s/work", dir, upper, upper)
	return unix.Mount("overlay", dir, "overlay", 0, options)
}

// LimitHome puts the home on a file system of that many bytes, which starts
// empty, so that a test can fill it. Only the user's machine sees it.
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

// SystemOpenSSH gives the machine this computer's own OpenSSH, where
// scripts/with-openssh has put another in its place. Call it before anything
// runs on the machine.
func (m *Machine) SystemOpenSSH() error {
	return m.place.do(func() error {
		for _, covered := range []string{"/usr", "/etc/ssh/ssh_config"} {
			if err := unix.Unmount(covered, unix.MNT_DETACH); err != nil {
				return fmt.Errorf("uncover %s: %w", covered, err)
			}
		}
		return nil
	})
}
