package guard

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"sync"
)

const (
	// maxUnread bounds what a client may send ahead of the answer to its last
	// request, in bytes: one frame, or many short ones. An SSH channel of
	// x/crypto would hold 2 MiB, and that cannot be changed.
	maxUnread = lengthSize + MaxFrame

	// chunkSize is how much is read at once.
	chunkSize = 4 * 1024
)

// inbox reads what a client sends as it comes, so that the guard knows and
// bounds it, not the transport. One goroutine fills it, another takes messages
// out.
type inbox struct {
	mu     sync.Mutex
	taken  sync.Cond // signalled when into was served
	unread bytes.Buffer
	into   *frame // where the next message is to go; nil: nobody waits for one
	got    error  // what next returns
	end    error  // of the client's stream; nil: more may come
}

func newInbox() *inbox {
	b := new(inbox)
	b.taken.L = &b.mu
	return b
}

// fill reads from r until that ends. If more comes than maxUnread, it calls
// over once. From then on it discards what it reads, so that nothing takes
// memory for it.
func (b *inbox) fill(r io.Reader, over func()) {
	chunk := make([]byte, chunkSize)
	for {
		n, err := r.Read(chunk)
		if !b.put(chunk[:n], err) {
			over()
			_, _ = io.Copy(io.Discard, r)
			return
		}
		if err != nil {
			return
		}
	}
}

// put adds what was read. It reports whether there is room for it.
func (b *inbox) put(data []byte, err error) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.unread.Write(data)
	b.end = err
	b.deliver()
	if b.unread.Len() <= maxUnread {
		return true
	}
	b.unread = bytes.Buffer{}
	b.end = errUnread
	return false
}

// next waits for the next message and makes it f's. The error is io.EOF if the
// stream ended where a message ends, io.ErrUnexpectedEOF if it ended within
// one, errLength for a length out of range, errUnread, or the
// stream's own.
func (b *inbox) next(f *frame) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.into = f
	b.deliver()
	for b.into != nil {
		b.taken.Wait()
	}
	return b.got
}

// deliver ends the wait of next, if there is a whole message or will be none.
func (b *inbox) deliver() {
	if b.into == nil {
		return
	}
	size, err := b.whole()
	switch {
	case size > 0:
		b.into.reset()
		b.into.buf.Write(b.unread.Next(size))
		if b.unread.Len() == 0 && b.unread.Cap() > keepSize {
			b.unread = bytes.Buffer{}
		}
	case err == nil:
		return
	}
	b.got, b.into = err, nil
	b.taken.Signal()
}

// whole returns the size of the message that the unread bytes begin with, 0 if
// it is not complete.
func (b *inbox) whole() (size int, err error) {
	if b.unread.Len() >= lengthSize {
		length := binary.BigEndian.Uint32(b.unread.Bytes())
		if err := checkLength(length); err != nil {
			return 0, err
		}
		if size = lengthSize + int(length); b.unread.Len() >= size {
			return size, nil
		}
	}
	if errors.Is(b.end, io.EOF) && b.unread.Len() > 0 {
		return 0, io.ErrUnexpectedEOF
	}
	return 0, b.end
}
