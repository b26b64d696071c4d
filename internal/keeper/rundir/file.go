package rundir

import (
	"cmp"
	"fmt"
	"io"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// FileError reports that something else is where a keeper has a file of its own.
// Reason is "kind" (no regular file: a FIFO, a link, a device) or "owner".
type FileError struct {
	Path   string
	Reason string
	Owner  int // for "owner": whose it is
}

func (e *FileError) Error() string {
	if e.Reason == "owner" {
		return fmt.Sprintf("%s belongs to user %d", e.Path, e.Owner)
	}
	return e.Path + " is no regular file"
}

// Open opens a file of ours. It neither follows a link nor waits for whoever
// may be at the other end of a FIFO. What is no regular file of this user's is a
// *FileError, whether it could be opened or not.
func Open(path string, flags int) (*os.File, error) {
	file, err := os.OpenFile(path, flags|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0o600)
	if err != nil {
		if info, failed := os.Lstat(path); failed == nil {
			err = cmp.Or(checkOwn(path, info), err)
		}
		return nil, err
	}
	info, err := file.Stat()
	if err == nil {
		err = checkOwn(path, info)
	}
	if err != nil {
		_ = file.Close()
		return nil, err
	}
	return file, nil
}

// checkOwn returns the *FileError about what is at path, nil if there is none.
func checkOwn(path string, info fs.FileInfo) error {
	switch {
	case !info.Mode().IsRegular():
		return &FileError{Path: path, Reason: "kind"}
	case ownerOf(info) != os.Getuid():
		return &FileError{Path: path, Reason: "owner", Owner: ownerOf(info)}
	}
	return nil
}

// ReadFile reads a file of ours, up to most bytes.
func ReadFile(path string, most int64) ([]byte, error) {
	file, err := Open(path, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, most))
}
