package guard

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// MaxFrame is the longest message, in bytes without its length field, that is
// passed on: OpenSSH's own limit in both directions (AGENT_MAX_LEN in
// ssh-agent.c, MAX_AGENT_REPLY_LEN in authfd.c).
const MaxFrame = 256 * 1024

const (
	lengthSize = 4

	// keepSize is the largest buffer that is kept from one frame to the next.
	// An idle channel should cost little, and a signature with its key fits.
	keepSize = 4 * 1024
)

// frame holds one message with its length field, as it goes over the wire. Its
// memory grows with the bytes that come, not with the length that a peer
// announces.
type frame struct {
	buf bytes.Buffer
}

// messageType returns the message's type. The frame must hold one, as after a
// read that gave no error.
func (f *frame) messageType() byte { return f.buf.Bytes()[lengthSize] }

// body returns the message, which holds until the next read or set.
func (f *frame) body() []byte { return f.buf.Bytes()[lengthSize:] }

// size returns the message's length in bytes, without its length field.
func (f *frame) size() int { return f.buf.Len() - lengthSize }

// set makes body the frame's message.
func (f *frame) set(body ...byte) {
	f.reset()
	f.buf.Write(binary.BigEndian.AppendUint32(nil, uint32(len(body))))
	f.buf.Write(body)
}

// read replaces the frame by the next one of r, and takes no byte beyond it.
// The error is io.EOF if r ended where a frame ends, io.ErrUnexpectedEOF if it
// ended within one, errLength for a length out of range, or r's own.
func (f *frame) read(r io.Reader) error {
	length, err := f.readLength(r)
	if err != nil {
		return err
	}
	return f.takeBody(r, length)
}

// readLength begins the frame with the length field of the next one, and
// returns that length.
func (f *frame) readLength(r io.Reader) (int64, error) {
	f.reset()
	if err := f.take(r, lengthSize); err != nil {
		return 0, err
	}
	length := binary.BigEndian.Uint32(f.buf.Bytes())
	return int64(length), checkLength(length)
}

func checkLength(length uint32) error {
	if length == 0 || length > MaxFrame {
		return fmt.Errorf("frame of %d bytes, %w", length, errLength)
	}
	return nil
}

// takeBody appends n bytes of r. If r ends before, that is an error.
func (f *frame) takeBody(r io.Reader, n int64) error {
	return midway(f.take(r, n))
}

// take appends n bytes of r. The error is io.EOF only if there was not one.
func (f *frame) take(r io.Reader, n int64) error {
	got, err := io.CopyN(&f.buf, r, n)
	if got > 0 && errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// write sends the frame in one piece: one packet on an SSH channel, one system
// call on a socket.
func (f *frame) write(w io.Writer) error {
	_, err := w.Write(f.buf.Bytes())
	return err
}

func (f *frame) reset() {
	if f.buf.Cap() > keepSize {
		f.buf = bytes.Buffer{}
	}
	f.buf.Reset()
}
