package openssh

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"testing"
	"testing/synctest"

	"golang.org/x/crypto/ssh"
)

// lingering is a connection whose Close has to wait: what is written to it
// meanwhile is taken, though nothing can come any more.
type lingering struct {
	net.Conn
	free chan struct{}
}

func (l lingering) Write(p []byte) (int, error) { return len(p), nil }

func (l lingering) Close() error {
	<-l.free
	return l.Conn.Close()
}

// TestOpenChannelAsItEnds: who opens a channel in the moment in which x/crypto
// has dropped all others is not left waiting. The connection is that of a
// master, since it needs no key exchange; the channels are the same.
func TestOpenChannelAsItEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		l := lingering{Conn: ours, free: make(chan struct{})}
		go func() { // the answers of PROTOCOL.mux to hello and to the wish for a proxy
			for _, message := range [][]uint32{{8, 1, 4}, {8, 0x8000000f, 0}} {
				_ = binary.Write(theirs, binary.BigEndian, message)
			}
			theirs.Close()
		}()
		mux, channels, requests, err := ssh.NewControlClientConn(l)
		if err != nil {
			t.Fatal(err)
		}
		go ssh.DiscardRequests(requests)
		if offered, ok := <-channels; ok {
			t.Fatalf("a channel came: %v", offered)
		}
		m := &master{mux: mux}
		if _, _, err := m.OpenChannel("session", nil); !errors.Is(err, io.EOF) {
			t.Errorf("error is %v, want the connection's end", err)
		}
		close(l.free)
		_ = mux.Wait()
	})
}
