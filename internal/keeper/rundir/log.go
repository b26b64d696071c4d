package rundir

import (
	"errors"
	"io/fs"
	"os"
	"runtime/debug"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

// maxLog is the size in bytes at which a log is set aside as ".old", in the
// place of the one before. Two of them are all that is kept.
const maxLog = 1 << 20

// Log is a keeper's log: JSON lines, and a crash.
type Log struct {
	zerolog.Logger
	path string

	mu   sync.Mutex
	file *os.File
	size int64
}

// OpenLog opens the log at path for the keeper of a destination. Where that
// fails, nothing is logged: that is no reason to be without the agent. Where
// something else is in its place, that is a *FileError: it may be a trap.
func OpenLog(path, destination string) (*Log, error) {
	l := &Log{path: path, Logger: zerolog.Nop()}
	if err := l.open(); err != nil {
		if other := (*FileError)(nil); errors.As(err, &other) {
			return l, other
		}
		return l, nil
	}
	zerolog.TimeFieldFormat = time.RFC3339Nano
	l.Logger = zerolog.New(l).With().Timestamp().Str("destination", destination).Logger()
	return l, nil
}

func (l *Log) open() error {
	file, err := Open(l.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY)
	if err != nil {
		return err
	}
	info, err := file.Stat()
	if err != nil {
		_ = file.Close()
		return err
	}
	l.file, l.size = file, info.Size()
	_ = debug.SetCrashOutput(file, debug.CrashOptions{}) // else a crash goes to where it went before
	return nil
}

// Write appends a line, in a new file if this one is full. A disk that is
// full costs lines, not the keeper.
func (l *Log) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.size+int64(len(line)) > maxLog {
		l.rotateLocked()
	}
	n, err := l.file.Write(line)
	l.size += int64(n)
	return n, err
}

// rotateLocked goes on in the old file where opening a new one fails, up to the
// next time. The old file is no longer at its path if it was set aside
// then, or if somebody removed it: a new one is made all the same.
func (l *Log) rotateLocked() {
	full := l.file
	err := os.Rename(l.path, l.path+".old")
	if err != nil && !errors.Is(err, fs.ErrNotExist) || l.open() != nil {
		l.size = 0
		return
	}
	_ = full.Close()
}

// Close ends the log.
func (l *Log) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file != nil {
		_ = l.file.Close()
	}
}
