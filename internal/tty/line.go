package tty

import (
	"bytes"
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// typed is one line, without its end.
type typed struct {
	text []byte
	err  error
}

// listen reads one line in the background. Once stop has returned nobody reads
// any more, and a line that was not received is overwritten. A reader that
// outlasts its question would answer the next one with what was typed for it,
// and that may be another host's.
func (t *terminal) listen() (line <-chan typed, stop func(), err error) {
	stopped, end, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	read := make(chan typed, 1)
	go func() {
		defer close(read)
		defer stopped.Close()
		read <- t.read(int(stopped.Fd()))
	}()
	return read, func() {
		end.Close()
		for got := range read {
			clear(got.text)
		}
	}, nil
}

// read reads one line, until stopped can be read.
func (t *terminal) read(stopped int) typed {
	line := make([]byte, 0, maxTyped)
	chunk := make([]byte, maxTyped+1)
	defer clear(chunk)
	for {
		n, err := t.readSome(chunk, stopped)
		if err != nil || n == 0 && len(line) == 0 {
			clear(line)
			if t.gone() {
				return typed{err: errGone}
			}
			return typed{err: errNoAnswer} // ^D
		}
		part, _, ended := bytes.Cut(chunk[:n], []byte("\n"))
		line = append(line, part[:min(len(part), maxTyped-len(line))]...)
		if ended || n == 0 {
			return typed{text: line}
		}
	}
}

// errGone is the end of the terminal itself. Its SIGHUP may come later than the
// end of the file, or to another process.
var errGone = errors.New("the terminal is gone")

// gone reports whether the terminal has hung up: then it answers no ioctl any
// more.
func (t *terminal) gone() bool {
	_, err := unix.IoctlGetTermios(t.in, ioctlGetTermios)
	return err != nil
}

// errStopped says that nobody wants what is typed any more.
var errStopped = errors.New("stopped")

// readSome is read(2) as soon as there is something to read, which another
// process may take first. It waits with select(2): poll(2) of macOS does not
// know /dev/tty.
func (t *terminal) readSome(b []byte, stopped int) (int, error) {
	if max(t.in, stopped) >= unix.FD_SETSIZE {
		return 0, unix.EMFILE
	}
	for {
		var ready unix.FdSet
		ready.Set(t.in)
		ready.Set(stopped)
		_, err := unix.Select(max(t.in, stopped)+1, &ready, nil, nil, nil)
		if err == nil && ready.IsSet(stopped) {
			return 0, errStopped
		}
		n := 0
		if err == nil {
			n, err = unix.Read(t.in, b)
		}
		if err == nil || err != unix.EINTR && err != unix.EAGAIN {
			return n, err
		}
	}
}
