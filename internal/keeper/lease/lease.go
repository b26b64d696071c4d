// Package lease tells the keeper which sessions live, by a lock of the kernel's
// for each.
package lease

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/mosha-ssh/mosha/internal/keeper/rundir"
)

// leaseName is the form of a lease's id; it becomes a file name.
var leaseName = regexp.MustCompile(`^[A-Z2-7]{26}$`)

// Lease is how the keeper knows that a session lives: a shared lock on a file,
// held through a descriptor that mosh and mosh-client inherit. The kernel
// drops it however the session ends.
type Lease struct {
	ID   string
	file *os.File
}

// New makes and locks a lease for a session of a keeper.
func New(dir rundir.Dir) (*Lease, error) {
	if err := os.Mkdir(dir.Sessions(), 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	lease := &Lease{ID: rand.Text()}
	file, err := os.OpenFile(filepath.Join(dir.Sessions(), lease.ID), os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	lease.file = file
	if err := rundir.Flock(file, unix.LOCK_SH|unix.LOCK_NB); err != nil {
		lease.Drop()
		return nil, err
	}
	return lease, nil
}

// Inherit lets the descriptor be inherited by the program that this process
// execs next, and returns its number.
func (l *Lease) Inherit() (int, error) {
	fd := l.file.Fd()
	_, err := unix.FcntlInt(fd, unix.F_SETFD, 0)
	return int(fd), err
}

// Drop gives the lease back: the session does not come about.
func (l *Lease) Drop() {
	_ = os.Remove(l.file.Name())
	_ = l.file.Close()
}

// Set counts the sessions that live.
type Set struct {
	dir     string
	changed func() // called without the lock

	mu   sync.Mutex
	held map[string]bool
}

// NewSet returns the set of the leases in a directory, which is empty until Find or
// Add is called. It calls changed when a session came or ended.
func NewSet(dir string, changed func()) *Set {
	return &Set{dir: dir, changed: changed, held: map[string]bool{}}
}

// ErrNone reports that a lease is not there or that nobody holds it.
var ErrNone = errors.New("no such lease, or its session has ended")

// Find takes up the sessions that an earlier keeper left behind and removes
// the leases that nobody holds any more: those sessions have ended since.
func (l *Set) Find() error {
	entries, err := os.ReadDir(l.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	over := false
	for _, entry := range entries {
		over = l.Add(entry.Name()) != nil || over
	}
	if over {
		l.changed()
	}
	return err
}

// Add counts the session that holds the lease id until it ends.
func (l *Set) Add(id string) error {
	if !leaseName.MatchString(id) {
		return ErrNone
	}
	path := filepath.Join(l.dir, id)
	file, err := rundir.Open(path, os.O_RDWR)
	if err != nil {
		return ErrNone
	}
	if removeIfFree(file) {
		_ = file.Close()
		return ErrNone
	}
	l.mu.Lock()
	known := l.held[id]
	l.held[id] = true
	l.mu.Unlock()
	if known {
		return file.Close()
	}
	go l.await(id, file)
	l.changed()
	return nil
}

// removeIfFree removes a lease that no session holds.
func removeIfFree(file *os.File) bool {
	if rundir.Flock(file, unix.LOCK_EX|unix.LOCK_NB) != nil {
		return false
	}
	_ = os.Remove(file.Name())
	return true
}

// RemoveFree removes all leases in a directory that no session holds.
func RemoveFree(dir string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, entry := range entries {
		path := filepath.Join(dir, entry.Name())
		if file, err := rundir.Open(path, os.O_RDWR); err == nil {
			removeIfFree(file)
			_ = file.Close()
		}
	}
}

// await blocks in the kernel until the session's last descriptor is closed.
// It has no cancel: it ends with its session or with the process.
func (l *Set) await(id string, file *os.File) {
	_ = rundir.Flock(file, unix.LOCK_EX)
	_ = os.Remove(file.Name())
	_ = file.Close()
	l.mu.Lock()
	delete(l.held, id)
	l.mu.Unlock()
	l.changed()
}

// Count returns how many sessions live.
func (l *Set) Count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.held)
}
