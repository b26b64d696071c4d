package tunnel

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/crypto/ssh"
)

// refuser is a server that does not listen, and can connect nowhere.
type refuser struct {
	grantor
	asked   chan struct{}
	failure error // of a request; nil: it is refused
	why     error // why no channel opens
}

func (r *refuser) SendRequest(string, bool, []byte) (bool, []byte, error) {
	r.asked <- struct{}{}
	return false, nil, r.failure
}

func (r *refuser) OpenChannel(string, []byte) (ssh.Channel, <-chan *ssh.Request, error) {
	return nil, nil, r.why
}

// TestRemoval: a socket on the server is removed only where an earlier connection
// may have left it and nobody listens on it, and once for each connection.
func TestRemoval(t *testing.T) {
	dead := &ssh.OpenChannelError{Reason: ssh.ConnectionFailed}
	for _, c := range []struct {
		name, path   string
		had          bool
		failure, why error
		want         int
	}{
		{"left", "/s", true, nil, dead, 1},
		{"never had", "/s", false, nil, dead, 0},
		{"relative", "run/s", true, nil, dead, 0},
		{"no answer", "/s", true, errors.New("lost"), dead, 0},
		{"forbidden", "/s", true, nil, &ssh.OpenChannelError{Reason: ssh.Prohibited}, 0},
		{"unknown", "/s", true, nil, errors.New("lost"), 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := NewSet(zerolog.Nop())
			defer s.Close()
			removed := make(chan string, 100)
			s.Unlink = func(_ context.Context, _ Opener, path string) { removed <- path }
			s.Begin(Request{Spec: Spec{Remote, Endpoint{Path: c.path}, Endpoint{Host: "h", Port: 1}}, Had: c.had})
			for i := range 2 {
				o := &refuser{grantor: grantor{done: make(chan struct{})}, asked: make(chan struct{}), failure: c.failure, why: c.why}
				s.Use(o)
				for range 4 {
					<-o.asked
				}
				s.Use(nil)
				close(o.done)
				if got := len(removed); got != c.want*(i+1) {
					t.Errorf("connection %d: removed %d times", i, got)
				}
			}
		})
	}
}

// TestPace: a server that has listened before is asked often for a minute only.
func TestPace(t *testing.T) {
	for _, c := range []struct {
		held bool
		want time.Duration
	}{{true, lastHeld}, {false, lastAsk}} {
		var try tries
		if first := try.next(c.held, 0); first != firstAsk {
			t.Error(first)
		}
		for range 20 {
			try.next(c.held, heldTime-1)
		}
		if try.rest != c.want {
			t.Errorf("held %v: %v at first", c.held, try.rest)
		}
		for range 20 {
			try.next(c.held, heldTime)
		}
		if try.rest != lastAsk {
			t.Errorf("held %v: %v in the end", c.held, try.rest)
		}
	}
}
