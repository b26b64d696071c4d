//go:build linux

package lab

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// writeFile writes what content gives into a file, which it makes if need be,
// and sets its mode unless that is 0. No child may be forked meanwhile: it
// would hold the file open for writing, and nobody could execute it (ETXTBSY,
// golang/go#22315).
func writeFile(path string, flag int, mode fs.FileMode, content io.Reader, owner *User) error {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|flag, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, content)
	if owner != nil {
		err = errors.Join(err, f.Chown(owner.UID, owner.GID))
	}
	if mode != 0 {
		err = errors.Join(err, f.Chmod(mode))
	}
	return errors.Join(err, f.Close())
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
		return writeFile(path, flag, mode, strings.NewReader(content), u)
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
