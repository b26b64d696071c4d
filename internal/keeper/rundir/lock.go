package rundir

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// Lock is an flock(2) on a file that lives only as long as somebody needs
// it. The kernel drops it with its holder, however that ends.
type Lock struct{ file *os.File }

// ErrLocked reports that another process has the lock.
var ErrLocked = errors.New("locked by another process")

// lockPoll is how often a lock that another process has is tried again. Both
// locks are held for milliseconds while somebody waits for them.
const lockPoll = 10 * time.Millisecond

// Acquire takes the lock at path, one of a Dir, and waits for it until ctx ends.
// The error is then ErrLocked.
func Acquire(ctx context.Context, path string) (*Lock, error) {
	for {
		lock, err := TryAcquire(path)
		if !errors.Is(err, ErrLocked) {
			return lock, err
		}
		select {
		case <-ctx.Done():
			return nil, ErrLocked
		case <-time.After(lockPoll):
		}
	}
}

// TryAcquire takes the lock or returns ErrLocked at once. Since holders remove
// their file when they let go, a lock counts only if the file that was locked
// is still the one at path.
func TryAcquire(path string) (*Lock, error) {
	err := Dir(filepath.Dir(path)).Make()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrLocked // the directory above went at this moment
	}
	if err != nil {
		return nil, err
	}
	file, err := Open(path, os.O_CREATE|os.O_RDWR)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrLocked // the directory went with its last holder
	}
	if err != nil {
		return nil, err
	}
	if err := Flock(file, unix.LOCK_EX|unix.LOCK_NB); err != nil || !isStill(file, path) {
		_ = file.Close()
		if err != nil && !errors.Is(err, unix.EWOULDBLOCK) {
			return nil, err
		}
		return nil, ErrLocked
	}
	return &Lock{file: file}, nil
}

// Release removes the file and gives the lock back.
func (l *Lock) Release() {
	_ = os.Remove(l.file.Name())
	_ = l.file.Close()
}

func isStill(file *os.File, path string) bool {
	locked, err := file.Stat()
	if err != nil {
		return false
	}
	now, err := os.Lstat(path)
	return err == nil && os.SameFile(locked, now)
}

// Flock is flock(2), begun again when a signal interrupts it.
func Flock(file *os.File, how int) error {
	for {
		err := unix.Flock(int(file.Fd()), how)
		if !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
