package tunnel

import (
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/crypto/ssh"
)

// aside is a channel on which the server sends extended data.
type aside struct {
	ssh.Channel
	io.ReadWriter
}

func (a aside) Stderr() io.ReadWriter     { return a.ReadWriter }
func (aside) Read([]byte) (int, error)    { return 0, io.EOF }
func (aside) Write(p []byte) (int, error) { return len(p), nil }

// TestExtendedData: what a server sends beside a channel's stream does not pile
// up.
func TestExtendedData(t *testing.T) {
	here, there := net.Pipe()
	defer there.Close()
	newStream(aside{ReadWriter: here}, nil, nil)
	_ = there.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := there.Write([]byte("aside")); err != nil {
		t.Error(err)
	}
}

var errBroken = errors.New("broken")

// broken is a connection that opens no channel, and does not end.
type broken struct{ grantor }

func (*broken) OpenChannel(string, []byte) (ssh.Channel, <-chan *ssh.Request, error) {
	return nil, nil, errBroken
}

// TestBroken: who connects waits for a connection that opens no channel for as
// long as for none.
func TestBroken(t *testing.T) {
	t.Parallel()
	s := NewSet(zerolog.Nop())
	defer s.Close()
	s.Use(&broken{grantor{done: make(chan struct{})}})
	failed := make(chan error, 1)
	go func() {
		_, err := s.openTo(Endpoint{Host: "h", Port: 1}, nil)
		failed <- err
	}()
	select {
	case err := <-failed:
		if !errors.Is(err, errBroken) {
			t.Error(err)
		}
	case <-time.After(2 * patience):
		t.Error("it waits for ever")
	}
}
