package remote

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/crypto/ssh"

	"github.com/mosha-ssh/mosha/internal/guard"
	"github.com/mosha-ssh/mosha/internal/sshconn"
)

// offer is an agent channel of which this test is the other side.
type offer struct {
	ours, theirs net.Conn
	refused      chan ssh.RejectionReason // one slot
}

func newOffer() *offer {
	o := &offer{refused: make(chan ssh.RejectionReason, 1)}
	o.ours, o.theirs = net.Pipe()
	return o
}

func (o *offer) Accept() (*sshconn.AgentChannel, error) {
	return &sshconn.AgentChannel{ReadWriteCloser: o.theirs}, nil
}

func (o *offer) Refuse(why ssh.RejectionReason) { o.refused <- why }
func (o *offer) Waits() bool                    { return true }

// ask puts so many requests, each of which is answered.
func (o *offer) ask(t *testing.T, requests int, request string) {
	answer := make([]byte, 5)
	for range requests {
		if _, err := io.WriteString(o.ours, request); err != nil {
			t.Error(err)
			return
		}
		if _, err := io.ReadFull(o.ours, answer); err != nil {
			t.Error(err)
			return
		}
	}
}

// forwarding is a connection that forwards an agent, which answers all that it
// is asked with a failure.
func forwarding(owner Owner, log zerolog.Logger) (c *Connection, end func()) {
	options := options()
	options.Log = log
	options.Guard = guard.New(func(context.Context) (net.Conn, string, error) {
		ours, agents := net.Pipe()
		go func() {
			defer agents.Close()
			request := make([]byte, 5)
			for {
				if _, err := io.ReadFull(agents, request); err != nil {
					return
				}
				_, _ = io.WriteString(agents, "\x00\x00\x00\x01\x05")
			}
		}()
		return ours, "", nil
	}, log)
	gone := make(chan struct{})
	c = New(deadConnection{gone: gone}, owner, options)
	c.channels.allowed.Store(true)
	return c, func() {
		c.Drop()
		close(gone)
		<-c.done
		options.Guard.End()
	}
}

// TestLogOutlivesRequests: a remote that asks an agent a hundred thousand things,
// has as many refused and ends channels by errors does not fill the log.
func TestLogOutlivesRequests(t *testing.T) {
	var log logged
	owner := &testOwner{}
	c, end := forwarding(owner, zerolog.New(&log))
	var clients sync.WaitGroup
	for range 50 {
		clients.Go(func() {
			for range 40 {
				o := newOffer()
				c.channels.offered(o)
				o.ask(t, 50, "\x00\x00\x00\x01\x0b")
				o.ask(t, 50, "\x00\x00\x00\x01\x14")
				_, _ = io.WriteString(o.ours, "\x00\x00\x00\x00")
				_, err := o.ours.Read(make([]byte, 1))
				if !errors.Is(err, io.EOF) {
					t.Errorf("a channel on which no message came ends with %v", err)
				}
				o.ours.Close()
			}
		})
	}
	clients.Wait()
	end()
	if asked := c.Guard.Served().Requests; asked != 200_000 {
		t.Errorf("%d requests were counted", asked)
	}
	if text := log.String(); !strings.Contains(text, `"agent requests"`) || len(text) > 16<<10 {
		t.Errorf("the log has %d bytes and begins with\n%.1000s", len(text), text)
	}
}

// logged is a log that is written by many at once.
type logged struct {
	mu sync.Mutex
	strings.Builder
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.Builder.Write(p)
}

// TestChannelsAreBounded: those that find no place are refused when nothing
// moves, and all that a server offers beyond that at once.
func TestChannelsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, end := forwarding(&testOwner{}, zerolog.Nop())
		var offers []*offer
		for range 3000 {
			o := newOffer()
			offers = append(offers, o)
			c.channels.offered(o)
		}
		synctest.Wait()
		var served *offer
		refused := func() (n int) {
			for _, o := range offers {
				n += len(o.refused)
				if len(o.refused) == 0 {
					served = o
				}
			}
			return n
		}
		if n := refused(); n != 3000-maxAgentChannels {
			t.Errorf("%d refused at once", n)
		}
		time.Sleep(time.Minute) // nothing moves
		synctest.Wait()
		if n := refused(); n != 3000-guard.MaxChannels {
			t.Errorf("%d refused in the end", n)
		}
		served.ask(t, 1, "\x00\x00\x00\x01\x0b")
		served.ours.Close()
		synctest.Wait()
		late := newOffer()
		c.channels.offered(late)
		late.ask(t, 1, "\x00\x00\x00\x01\x0b")
		end()
	})
}

// TestUsed: the owner hears when memory is taken, or is free again: with the
// connection, and with each channel.
func TestUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		owner := &testOwner{}
		check := func(want int32) {
			t.Helper()
			synctest.Wait()
			if got := owner.used.Load(); got != want {
				t.Errorf("the owner has heard of it %d times, want %d", got, want)
			}
		}
		c, end := forwarding(owner, zerolog.Nop())
		check(1)
		o := newOffer()
		c.channels.offered(o)
		o.ask(t, 1, "\x00\x00\x00\x01\x0b")
		check(2)
		o.ours.Close()
		check(3)
		end()
		check(4)
	})
}
