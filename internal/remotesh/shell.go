package remotesh

import (
	"bufio"
	"bytes"
	"cmp"
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

// A Reader reads what a script prints. The errors of its methods are *Errors.
type Reader struct {
	out   *bufio.Reader
	noise string
}

// NewReader returns a Reader of a shell's output.
func NewReader(r io.Reader) *Reader { return &Reader{out: bufio.NewReaderSize(r, maxLine)} }

// Await skips what start-up files print, up to and with the line marker, by
// which a script begins. The error is of kind NoShell when the output ends
// before, and of kind Noise when there is no end of it.
func (r *Reader) Await(marker string) error {
	var last []byte
	fresh := true // whether a line begins here
	for skipped := 0; skipped <= maxNoise; {
		piece, err := r.out.ReadSlice('\n')
		if err == nil && fresh && string(piece) == marker+"\n" {
			return nil
		}
		if len(bytes.TrimSpace(piece)) > 0 {
			last = append(last[:0], piece...)
			r.noise = cmp.Or(r.noise, text.ASCII(piece))
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return failure(NoShell, last, err)
		}
		fresh = err == nil
		skipped += len(piece)
	}
	return failure(Noise, last, nil)
}

// Noise is the first line that start-up files printed before the marker,
// printable, "" if there was none.
func (r *Reader) Noise() string { return r.noise }

// Line returns the next line without its end.
func (r *Reader) Line() (string, error) {
	line, err := r.out.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return "", Garbled(line)
	case err != nil:
		return "", failure(Ended, line, err)
	}
	return string(line[:len(line)-1]), nil
}

// Content returns the next size bytes. The end of a line follows them.
func (r *Reader) Content(size int) ([]byte, error) {
	var content bytes.Buffer // grows with what really comes
	if _, err := io.CopyN(&content, r.out, int64(size)); err != nil {
		return nil, failure(Ended, nil, err)
	}
	end, err := r.out.ReadByte()
	if err != nil {
		return nil, failure(Ended, nil, err)
	}
	if end != '\n' {
		return nil, Garbled("a file changed while it was read")
	}
	return content.Bytes(), nil
}

// Start sends a script to a shell, and waits for the line marker in its output.
// The error is an *Error.
func Start(shell Shell, out *Reader, script []byte, marker string) error {
	if err := Begin(shell, script); err != nil {
		return err
	}
	return out.Await(marker)
}

// Begin sends a script to a shell. The error is an *Error of kind NoShell: what
// the server started in its place has ended.
func Begin(shell Shell, script []byte) error {
	if _, err := shell.Write(script); err != nil {
		return failure(NoShell, nil, err)
	}
	return nil
}

// Send writes orders to a script that runs. The error is an *Error.
func Send(shell Shell, orders []byte) error {
	if _, err := shell.Write(orders); err != nil {
		return failure(Ended, nil, err)
	}
	return nil
}

// failure returns an *Error with what the remote said, and without io.EOF: that
// an output ended is what the kind says.
func failure(kind Kind, said []byte, err error) error {
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return &Error{Kind: kind, Detail: text.ASCII(said), Err: err}
}
