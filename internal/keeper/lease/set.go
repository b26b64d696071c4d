package lease

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/mosha-ssh/mosha/internal/keeper/rundir"
)

// Set counts the sessions that live.
type Set struct {
	dir     string
	changed func() // called without the lock

	mu   sync.Mutex
	held map[string]bool
}

// NewSet returns the set of the leases in a directory, which is empty until
// Find or Add is called. It calls changed when a session came or ended.
func NewSet(dir string, changed func()) *Set {
	return &Set{dir: dir, changed: changed, held: map[string]bool{}}
}

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

// leaseName is the form of a lease's id; it becomes a file name.
var leaseName = regexp.MustCompile(`^[A-Z2-7]{26}$`)

// ErrNone reports that a lease is not there or that nobody holds it.
var ErrNone = errors.New("no such lease, or its session has ended")

// Add counts the session that holds the lease id until it ends.
func (l *Set) Add(id string) error {
	file, err := open(l.dir, id)
	if err != nil {
		return err
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

// open opens a lease that a session holds. It removes one that none does.
func open(dir, id string) (*os.File, error) {
	if !leaseName.MatchString(id) {
		return nil, ErrNone
	}
	file, err := rundir.Open(filepath.Join(dir, id), os.O_RDWR)
	if err != nil {
		return nil, ErrNone
	}
	if rundir.Flock(file, unix.LOCK_EX|unix.LOCK_NB) == nil {
		_ = os.Remove(file.Name())
		_ = file.Close()
		return nil, ErrNone
	}
	return file, nil
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

// RemoveFree removes all leases in a directory that no session holds.
func RemoveFree(dir string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, entry := range entries {
		if file, err := open(dir, entry.Name()); err == nil {
			_ = file.Close()
		}
	}
}
