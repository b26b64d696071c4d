// Package rundir has the places on the laptop where keepers have their files: who
// may use them, how they are opened, and the locks in them.
package rundir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
)

// maxSocketPath is the longest path that every supported system takes for a
// Unix socket: sun_path has 104 bytes on the BSDs and darwin, one for the NUL.
const maxSocketPath = 103

// Dirs are the places on the laptop where keepers have their files.
type Dirs struct {
	Runtime string // sockets, locks and leases; 0700, ours
	State   string // logs; 0700, ours
}

// DirError tells why a directory is not used. Reason is "owner", "mode",
// "kind", "length" or, with Err, "system".
type DirError struct {
	Path    string
	Setting string // the environment variable that would name another one
	Reason  string
	Owner   int         // for "owner": whose it is
	Mode    fs.FileMode // for "mode": what it has
	Err     error       `json:"-"`
}

func (e *DirError) Error() string {
	if e.Err != nil {
		return e.Err.Error()
	}
	return fmt.Sprintf("directory %s refused for its %s", e.Path, e.Reason)
}

func (e *DirError) Unwrap() error { return e.Err }

// Find returns the directories of the current user and makes them where they
// are missing. A directory that somebody else could write to or own is
// refused with a *DirError: whoever can replace a socket in it gets to answer
// for the keeper.
func Find(env func(string) string) (Dirs, error) {
	base, own := runtimeBase(env)
	d := Dirs{Runtime: filepath.Join(base, own), State: filepath.Join(stateBase(env), "mosha")}
	if path := d.Of("0123456789abcdef").Socket(); len(path) > maxSocketPath {
		return Dirs{}, &DirError{Path: path, Reason: "length", Setting: runtimeSetting}
	}
	var refused *DirError
	if err := ensurePrivate(d.Runtime); errors.As(err, &refused) {
		refused.Setting = runtimeSetting
		return Dirs{}, refused
	}
	if err := ensurePrivate(d.State); errors.As(err, &refused) && refused.Reason != "system" {
		refused.Setting = stateSetting
		return Dirs{}, refused
	}
	return d, nil // a session can do without a log
}

const (
	runtimeSetting = "XDG_RUNTIME_DIR"
	stateSetting   = "XDG_STATE_HOME"
)

// runtimeBase returns the directory in which ours lies, and the name of ours.
// XDG_RUNTIME_DIR counts only where it is as its specification wants it: this
// user's alone. After su it still names the other user's, and WSLg makes it
// open to everybody by itself. TMPDIR of macOS goes by the same rule.
func runtimeBase(env func(string) string) (base, own string) {
	settings := []string{runtimeSetting}
	if runtime.GOOS == "darwin" {
		settings = append(settings, "TMPDIR")
	}
	for _, setting := range settings {
		if dir := env(setting); filepath.IsAbs(dir) && isPrivate(dir) {
			return dir, "mosha"
		}
	}
	return "/tmp", "mosha-" + strconv.Itoa(os.Getuid())
}

// isPrivate reports whether the path leads to a directory of this user's that
// nobody else may enter, and nobody but this user or root can make it lead
// elsewhere by changing the link that it may be.
func isPrivate(path string) bool {
	uid := os.Getuid()
	itself, err := os.Lstat(path)
	if err != nil || ownerOf(itself) != uid && ownerOf(itself) != 0 {
		return false
	}
	info, err := os.Stat(path)
	return err == nil && info.IsDir() && ownerOf(info) == uid && info.Mode().Perm()&0o077 == 0
}

func stateBase(env func(string) string) string {
	home := env("HOME")
	if home == "" {
		if me, err := user.Current(); err == nil {
			home = me.HomeDir
		}
	}
	if xdg := env(stateSetting); filepath.IsAbs(xdg) {
		return xdg
	}
	if runtime.GOOS == "darwin" {
		return filepath.Join(home, "Library", "Logs")
	}
	return filepath.Join(home, ".local", "state")
}

// ensurePrivate makes path with mode 0700, or checks that it is a directory of
// ours that nobody else may enter.
func ensurePrivate(path string) error {
	if err := makeParent(filepath.Dir(path)); err != nil {
		return &DirError{Path: path, Reason: "system", Err: err}
	}
	if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return &DirError{Path: path, Reason: "system", Err: err}
	}
	info, err := os.Lstat(path)
	switch {
	case err != nil:
		return &DirError{Path: path, Reason: "system", Err: err}
	case !info.IsDir():
		return &DirError{Path: path, Reason: "kind"}
	case ownerOf(info) != os.Getuid():
		return &DirError{Path: path, Reason: "owner", Owner: ownerOf(info)}
	case info.Mode().Perm()&0o077 != 0:
		return &DirError{Path: path, Reason: "mode", Mode: info.Mode().Perm()}
	}
	return nil
}

// makeParent is os.MkdirAll, which fails where a directory is there when it is to
// be made and, taken away by another process of ours, gone a moment later.
func makeParent(dir string) (err error) {
	for range 10 {
		if err = os.MkdirAll(dir, 0o700); !errors.Is(err, fs.ErrExist) {
			break
		}
	}
	return err
}

func ownerOf(info fs.FileInfo) int {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(stat.Uid)
	}
	return -1
}

// Log returns the path of the log of the keeper with this id.
func (d Dirs) Log(id string) string { return filepath.Join(d.State, id+".log") }

// Of returns the directory of the keeper with this id.
func (d Dirs) Of(id string) Dir { return Dir(filepath.Join(d.Runtime, id)) }

// IDs returns the ids of the destinations that have or had a keeper. Not every
// one of them need be alive.
func (d Dirs) IDs() ([]string, error) {
	entries, err := os.ReadDir(d.Runtime)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // it went with the last keeper
	}
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, entry := range entries {
		if entry.IsDir() {
			ids = append(ids, entry.Name())
		}
	}
	return ids, nil
}

// RemoveRuntime removes the runtime directory if it is empty. It stays where
// others could take its name, as in /tmp.
func (d Dirs) RemoveRuntime() {
	if info, err := os.Stat(filepath.Dir(d.Runtime)); err == nil && ownerOf(info) == os.Getuid() {
		_ = os.Remove(d.Runtime)
	}
}

// Dir is the directory of one keeper.
type Dir string

// Socket is the path of the control socket.
func (d Dir) Socket() string { return filepath.Join(string(d), "sock") }

// Lock is the path of the lock that the keeper has while it runs.
func (d Dir) Lock() string { return filepath.Join(string(d), "lock") }

// Launch is the path of the lock of those who spawn the keeper.
func (d Dir) Launch() string { return filepath.Join(string(d), "launch") }

// Spec is the path of what a keeper saves for one that takes its place.
func (d Dir) Spec() string { return filepath.Join(string(d), "spec") }

// Sessions is the directory of the sessions' leases.
func (d Dir) Sessions() string { return filepath.Join(string(d), "sessions") }

// Make makes the directory for the locks; sessions come with the first lease.
// The runtime directory is looked at again: the last keeper may have taken it
// away since.
func (d Dir) Make() error {
	if err := ensurePrivate(filepath.Dir(string(d))); err != nil {
		return err
	}
	return ensurePrivate(string(d))
}

// Remove takes the directories away if nothing is left in them.
func (d Dir) Remove() {
	_ = os.Remove(d.Sessions())
	_ = os.Remove(string(d))
	Dirs{Runtime: filepath.Dir(string(d))}.RemoveRuntime()
}
