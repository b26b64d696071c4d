package keeper

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// fileLock is an flock(2) on a file that lives only as long as somebody needs
// it. The kernel drops it with its holder, however that ends.
type fileLock struct{ file *os.File }

// errLocked says that another process has the lock.
var errLocked = errors.New("locked by another process")

// lockPoll is how often a lock that another process has is tried again. Both
// locks are held for milliseconds while somebody waits for them.
const lockPoll = 10 * time.Millisecond

// acquire takes the lock at path and waits for it until ctx ends; the error is
// then errLocked.
func acquire(ctx context.Context, dir keeperDir, path string) (*fileLock, error) {
	for {
		lock, err := tryAcquire(dir, path)
		if !errors.Is(err, errLocked) {
			return lock, err
		}
		select {
		case <-ctx.Done():
			return nil, errLocked
		case <-time.After(lockPoll):
		}
	}
}

// tryAcquire takes the lock or returns errLocked at once. Since holders remove
// their file when they let go, a lock counts only if the file that was locked
// is still the one at path.
func tryAcquire(dir keeperDir, path string) (*fileLock, error) {
	err := dir.make()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errLocked // the directory above went at this moment
	}
	if err != nil {
		return nil, err
	}
	file, err := openOwn(path, os.O_CREATE|os.O_RDWR)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errLocked // the directory went with its last holder
	}
	if err != nil {
		return nil, err
	}
	if err := flock(file, unix.LOCK_EX|unix.LOCK_NB); err != nil || !isStill(file, path) {
		_ = file.Close()
		if err != nil && !errors.Is(err, unix.EWOULDBLOCK) {
			return nil, err
		}
		return nil, errLocked
	}
	return &fileLock{file: file}, nil
}

// release removes the file and gives the lock back.
func (l *fileLock) release() {
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

// flock is flock(2), begun again when a signal interrupts it.
func flock(file *os.File, how int) error {
	for {
		err := unix.Flock(int(file.Fd()), how)
		if !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
