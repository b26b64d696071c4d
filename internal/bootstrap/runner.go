package bootstrap

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"

	"github.com/mosha-ssh/mosha/internal/text"
)

// A Runner starts shells on the remote.
type Runner interface {
	// Shell starts `exec /bin/sh` there, without a terminal. The shell's
	// input and output must be 8-bit clean; what it writes to its standard
	// error may be dropped.
	Shell(ctx context.Context) (Shell, error)
}

// A Shell is a shell that runs on the remote. Write goes to its standard input
// and Read comes from its standard output, until io.EOF. Close ends it in any
// state and frees whoever is blocked in Read or Write.
type Shell = io.ReadWriteCloser

const (
	maxNoise = 64 << 10 // bytes that start-up files may print before a script begins
	maxLine  = 4 << 10  // bytes in a line that a script sends
)

// newReader returns a reader whose ReadSlice fails on lines above maxLine.
func newReader(r io.Reader) *bufio.Reader { return bufio.NewReaderSize(r, maxLine) }

// awaitMarker skips what start-up files print, up to and with the line marker.
// It returns a *RemoteError of kind NoShell when the output ends before, and of
// kind Noise when maxNoise bytes went by.
func awaitMarker(r *bufio.Reader, marker string) error {
	var last []byte
	fresh := true // whether a line begins here
	for skipped := 0; skipped <= maxNoise; {
		piece, err := r.ReadSlice('\n')
		if err == nil && fresh && string(piece) == marker+"\n" {
			return nil
		}
		if len(bytes.TrimSpace(piece)) > 0 {
			last = append(last[:0], piece...)
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return &RemoteError{Kind: NoShell, Detail: text.ASCII(last), Err: lost(err)}
		}
		fresh = err == nil
		skipped += len(piece)
	}
	return &RemoteError{Kind: Noise, Detail: text.ASCII(last)}
}

// readLine returns the next line without its end.
func readLine(r *bufio.Reader) (string, error) {
	line, err := r.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return "", malformed(line)
	case err != nil:
		return "", &RemoteError{Kind: Ended, Detail: text.ASCII(line), Err: lost(err)}
	}
	return string(line[:len(line)-1]), nil
}

// lost drops io.EOF: an output that ended is what the error's kind says.
func lost(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}
