package sshconn

import (
	"errors"
	"net"
	"testing"
	"testing/synctest"

	"golang.org/x/crypto/ssh"
)

// forgetful is a connection that has forgotten a channel as it ended.
type forgetful struct {
	ssh.Conn
	forgotten chan struct{}
}

func (f forgetful) OpenChannel(string, []byte) (ssh.Channel, <-chan *ssh.Request, error) {
	<-f.forgotten
	return nil, nil, errors.New("in the end")
}

// TestOpenChannelAsItEnds: who opens a channel is not left waiting.
func TestOpenChannelAsItEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		channels, requests := make(chan ssh.NewChannel), make(chan *ssh.Request)
		f := forgetful{forgotten: make(chan struct{})}
		defer close(f.forgotten)
		c := &Conn{Conn: f, NewChannels: channels, Requests: requests, over: make(chan struct{})}
		go c.Serve(nil)
		failed := make(chan error, 1)
		go func() {
			_, _, err := c.OpenChannel("session", nil)
			failed <- err
		}()
		synctest.Wait()
		close(channels)
		close(requests)
		if err := <-failed; !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	})
}
