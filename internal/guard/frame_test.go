package guard

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"testing"
	"testing/iotest"
)

// encode returns body as a frame on the wire.
func encode(body ...byte) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), body...)
}

func TestFrameRead(t *testing.T) {
	longest := append([]byte{agentcExtension}, make([]byte, MaxFrame-1)...)
	for _, c := range []struct {
		name  string
		input []byte
		err   error // nil where input begins with a frame
	}{
		{"one byte", encode(11), nil},
		{"more follows", append(encode(13, 1, 2), 9, 9), nil},
		{"longest", encode(longest...), nil},
		{"nothing", nil, io.EOF},
		{"cut in length", []byte{0, 0, 0}, io.ErrUnexpectedEOF},
		{"no body", []byte{0, 0, 0, 1}, io.ErrUnexpectedEOF},
		{"cut in body", []byte{0, 0, 0, 3, 13, 1}, io.ErrUnexpectedEOF},
		{"zero", []byte{0, 0, 0, 0, 1}, errLength},
		{"one too long", []byte{0, 4, 0, 1, 11}, errLength},
		{"longest length field", []byte{255, 255, 255, 255}, errLength},
	} {
		t.Run(c.name, func(t *testing.T) {
			var f frame
			rest := bytes.NewReader(c.input)
			err := f.read(iotest.OneByteReader(rest))
			if !sameKind(err, c.err) {
				t.Fatalf("error is %v, want %v", err, c.err)
			}
			if err != nil {
				return
			}
			checkFrame(t, &f, c.input, rest.Len())
		})
	}
}

func sameKind(err, want error) bool {
	return errors.Is(err, want) || errors.Is(want, errLength) && errors.Is(err, errLength)
}

// checkFrame tests that f holds what input begins with and that exactly the
// rest is left unread.
func checkFrame(t *testing.T, f *frame, input []byte, unread int) {
	t.Helper()
	var wire bytes.Buffer
	if err := f.write(&wire); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(wire.Bytes(), input[:len(input)-unread]) {
		t.Errorf("frame of %d bytes is not the %d that were read", wire.Len(), len(input)-unread)
	}
	if f.size() != wire.Len()-4 || f.messageType() != input[4] {
		t.Errorf("type %d, size %d; want %d, %d", f.messageType(), f.size(), input[4], wire.Len()-4)
	}
}

// A peer's announcement alone must not make us take memory, nor may an idle
// channel keep what a large frame took.
func TestFrameMemory(t *testing.T) {
	var f frame
	if err := f.read(bytes.NewReader([]byte{0, 4, 0, 0, 11})); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Fatal(err)
	}
	if f.buf.Cap() > 1024 {
		t.Errorf("%d bytes taken for one that came", f.buf.Cap())
	}
	if err := f.read(bytes.NewReader(encode(make([]byte, MaxFrame)...))); err != nil {
		t.Fatal(err)
	}
	if f.buf.Cap() > 3*MaxFrame {
		t.Errorf("%d bytes taken for %d", f.buf.Cap(), MaxFrame)
	}
	if err := f.read(bytes.NewReader(nil)); !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	if f.buf.Cap() > keepSize {
		t.Errorf("%d bytes kept while idle", f.buf.Cap())
	}
}

func FuzzFrame(f *testing.F) {
	f.Add(encode(11))
	f.Add(append(encode(13, 1, 2), encode(27, 0)...))
	f.Add([]byte{0, 0, 0, 0})
	f.Add([]byte{0, 4, 0, 0, 11})
	f.Add([]byte{255, 255, 255, 255, 1})
	f.Fuzz(func(t *testing.T, input []byte) {
		rest := bytes.NewReader(input)
		var f frame
		for {
			before := rest.Len()
			if err := f.read(rest); err != nil {
				break
			}
			checkFrame(t, &f, input[len(input)-before:], rest.Len())
			if f.size() < 1 || f.size() > MaxFrame {
				t.Fatalf("size %d", f.size())
			}
		}
		if f.buf.Cap() > 2*len(input)+2048 {
			t.Errorf("%d bytes of memory for %d of input", f.buf.Cap(), len(input))
		}
	})
}
