package guard

import (
	"bytes"
	"errors"
	"io"
	"net"
	"testing"
	"testing/iotest"
	"testing/synctest"
)

// TestUnread: what a client may send ahead of an answer is bounded, whatever
// the messages are that it consists of.
func TestUnread(t *testing.T) {
	full := encode(make([]byte, MaxFrame)...)
	for _, c := range []struct {
		name  string
		ahead []byte
		over  bool
	}{
		{"short requests", bytes.Repeat(encode(11), maxUnread/5), false},
		{"one frame", full, false},
		{"one frame and a byte", append(bytes.Clone(full), 0), true},
		{"2 MiB of short ones", bytes.Repeat(encode(11), 2<<20/5), true},
		{"2 MiB of nothing", make([]byte, 2<<20), true},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				answer := make(chan struct{})
				s := serve(t, scripted(func(conn net.Conn) {
					<-answer
					echo(conn)
				}), nil)
				send(t, s.client, 11)
				go func() {
					_, _ = io.Copy(io.Discard, s.client)
					s.client.Close()
				}()
				_, err := io.Copy(s.client, bytes.NewReader(c.ahead))
				if !c.over {
					if err != nil {
						t.Error(err)
					}
					close(answer)
					s.cancel(io.ErrNoProgress)
					<-s.done
					return
				}
				<-s.done
				wantError(t, s.err, Remote, "read", errUnread)
				close(answer)
			})
		})
	}
}

// TestUnreadIsForgotten: a client that goes on sending after its channel was
// closed costs nothing.
func TestUnreadIsForgotten(t *testing.T) {
	b := newInbox()
	overs := 0
	b.fill(io.LimitReader(zeros{}, 64<<20), func() { overs++ })
	if overs != 1 {
		t.Errorf("said %d times that it was too much", overs)
	}
	if size := b.unread.Cap(); size != 0 {
		t.Errorf("%d bytes are kept", size)
	}
	var f frame
	if err := b.next(&f); !sameKind(err, errUnread) {
		t.Error(err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// TestInboxMemory: an idle channel does not keep what a large frame took.
func TestInboxMemory(t *testing.T) {
	b := newInbox()
	b.fill(bytes.NewReader(encode(make([]byte, MaxFrame)...)), func() { t.Error("too much") })
	var f frame
	if err := b.next(&f); err != nil || f.size() != MaxFrame {
		t.Fatalf("%d bytes, %v", f.size(), err)
	}
	if err := b.next(&f); !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	if b.unread.Cap() > keepSize {
		t.Errorf("%d bytes kept", b.unread.Cap())
	}
}

// FuzzInbox lets an inbox give what a frame reads, in whatever pieces it comes.
func FuzzInbox(f *testing.F) {
	f.Add(encode(11))
	f.Add(append(encode(13, 1, 2), encode(27, 0)...))
	f.Add([]byte{0, 0, 0, 0})
	f.Add([]byte{0, 4, 0, 0, 11})
	f.Add([]byte{0, 0, 0, 2, 11})
	f.Add([]byte{0, 0, 0})
	f.Add([]byte{255, 255, 255, 255, 1})
	f.Fuzz(func(t *testing.T, input []byte) {
		if len(input) > maxUnread {
			return
		}
		b := newInbox()
		b.fill(iotest.OneByteReader(bytes.NewReader(input)), func() { t.Error("too much") })
		want := bytes.NewReader(input)
		for {
			var got, wanted frame
			err, wantErr := b.next(&got), wanted.read(want)
			if !sameKind(err, wantErr) {
				t.Fatalf("error is %v, want %v", err, wantErr)
			}
			if err != nil {
				return
			}
			if !bytes.Equal(got.buf.Bytes(), wanted.buf.Bytes()) {
				t.Fatalf("got %q, want %q", got.buf.Bytes(), wanted.buf.Bytes())
			}
		}
	})
}
