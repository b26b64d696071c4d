package remote

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/mosha-ssh/mosha/internal/keeper/control"
	"github.com/mosha-ssh/mosha/internal/sshconn"
)

// smallServer is a connection whose server allows so many sessions at a time,
// or never answers who wants one.
type smallServer struct {
	deadConnection
	most   int
	silent bool

	mu     sync.Mutex
	open   []*smallChannel
	opened int
}

func (s *smallServer) OpenChannel(string, []byte) (ssh.Channel, <-chan *ssh.Request, error) {
	if s.silent {
		<-s.gone
		return nil, nil, io.EOF
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open = slices.DeleteFunc(s.open, func(c *smallChannel) bool { return c.closed })
	if len(s.open) >= s.most {
		return nil, nil, &ssh.OpenChannelError{Reason: ssh.ConnectionFailed, Message: "open failed"}
	}
	s.opened++
	c := &smallChannel{server: s, requests: make(chan *ssh.Request), said: strings.NewReader("done\n")}
	s.open = append(s.open, c)
	return c, c.requests, nil
}

// smallChannel is one of its sessions, in which all is well.
type smallChannel struct {
	ssh.Channel
	server   *smallServer
	requests chan *ssh.Request
	said     io.Reader
	closed   bool
	late     bool // it closes when the command is on its way
}

func (c *smallChannel) Close() error {
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	if !c.closed {
		c.closed = true
		close(c.requests)
	}
	return nil
}

func (c *smallChannel) isClosed() bool {
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	return c.closed
}

func (c *smallChannel) SendRequest(kind string, _ bool, _ []byte) (bool, error) {
	if c.isClosed() {
		return false, io.EOF
	}
	if kind == "exec" && !c.late {
		c.requests <- &ssh.Request{Type: "exit-status", Payload: ssh.Marshal(struct{ Code uint32 }{7})}
		_ = c.Close()
	}
	return true, nil
}

func (c *smallChannel) Read(p []byte) (int, error)  { return c.said.Read(p) }
func (c *smallChannel) Write(p []byte) (int, error) { return len(p), nil }
func (c *smallChannel) Stderr() io.ReadWriter       { return &endedStream{} }

type endedStream struct{ io.ReadWriter }

func (endedStream) Read([]byte) (int, error) { return 0, io.EOF }

// onServer serves a connection to it until the test ends.
func onServer(t *testing.T, s *smallServer) *Connection {
	t.Helper()
	s.gone = make(chan struct{})
	c := newConnection(s)
	t.Cleanup(func() {
		c.Drop()
		close(s.gone)
		<-c.done
		s.mu.Lock()
		open := slices.Clone(s.open)
		s.mu.Unlock()
		for _, channel := range open {
			_ = channel.Close()
		}
	})
	return c
}

// TestSessionsInTurn: who waits longest is served first, and who comes later
// does not pass by.
func TestSessionsInTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := onServer(t, &smallServer{most: 1})
		first, err := c.sessions.get(t.Context(), wish{})
		if err != nil {
			t.Fatal(err)
		}
		served := make(chan int)
		var all sync.WaitGroup
		defer all.Wait()
		for n := range 5 {
			all.Go(func() {
				s, err := c.sessions.get(t.Context(), wish{limit: turnLimit})
				if err != nil {
					t.Error(err)
					return
				}
				served <- n
				time.Sleep(time.Second)
				_ = s.Close()
			})
			synctest.Wait()
		}
		time.Sleep(10 * time.Second)
		_ = first.Close()
		for want := range 5 {
			if got := <-served; got != want {
				t.Errorf("%d is served, and %d came before", got, want)
			}
		}
	})
}

// TestSessionEndsForAll: who queues gets the place of a session that ends at once,
// though the link holder waits for its turn as well.
func TestSessionEndsForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := onServer(t, &smallServer{most: 1})
		first, err := c.sessions.get(t.Context(), wish{})
		if err != nil {
			t.Fatal(err)
		}
		var all sync.WaitGroup
		defer all.Wait()
		now := make(chan struct{})
		defer close(now)
		all.Go(func() { c.sessions.quiet(time.Hour, now) })
		synctest.Wait()
		served := make(chan time.Time)
		all.Go(func() {
			if _, err := c.sessions.get(t.Context(), wish{limit: turnLimit}); err != nil {
				t.Error(err)
			}
			served <- time.Now()
		})
		synctest.Wait()
		ended := time.Now()
		_ = first.Close()
		if waited := (<-served).Sub(ended); waited > 0 {
			t.Errorf("served after %v", waited)
		}
	})
}

// TestNoSessionIsFree, or the server confirms none: the launch hears of that soon,
// and in the end gets an error with no word of a library's.
func TestNoSessionIsFree(t *testing.T) {
	for name, test := range map[string]struct {
		server *smallServer
		told   string
		is     func(error) bool
	}{
		"MaxSessions":     {&smallServer{most: 1}, sshconn.NoticeRoom, isRejected},
		"never confirmed": {&smallServer{silent: true}, sshconn.NoticeSession, isLateSession},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := onServer(t, test.server)
				if !test.server.silent {
					if _, err := c.sessions.get(t.Context(), wish{}); err != nil {
						t.Fatal(err)
					}
				}
				began := time.Now()
				var mu sync.Mutex
				told := ""
				_, err := c.sessions.get(t.Context(), wish{limit: turnLimit, waiting: func(kind string) {
					mu.Lock()
					defer mu.Unlock()
					told += kind
					if time.Since(began) > 2*time.Second {
						t.Errorf("told after %v", time.Since(began))
					}
				}})
				mu.Lock()
				defer mu.Unlock()
				if !test.is(err) || strings.Contains(err.Error(), "ssh:") || time.Since(began) != turnLimit || told != test.told {
					t.Errorf("%v after %v, told %q", err, time.Since(began), told)
				}
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				if _, err := c.sessions.get(ctx, wish{limit: turnLimit}); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("%v when nobody waits any more", err)
				}
			})
		})
	}
}

func isLateSession(err error) bool {
	var late *sshconn.TimeoutError
	return errors.As(err, &late) && late.Phase == sshconn.PhaseSession
}

// TestSessionAheadIsGone: a session in store that the server has closed is
// replaced, before its use and, if that is only seen then, in it.
func TestSessionAheadIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &smallServer{most: 3}
		c := onServer(t, server)
		start := func(ahead func(*smallChannel)) {
			t.Helper()
			c.sessions.openAhead()
			ahead(server.open[len(server.open)-1])
			before := server.opened
			said := ""
			code, err := c.Start(t.Context(), control.Start{}, nil, func(p []byte) { said += string(p) })
			if code != 7 || err != nil || said != "done\n" || server.opened != before+1 {
				t.Errorf("code %d, %v, %q, %d sessions more", code, err, said, server.opened-before)
			}
		}
		start(func(s *smallChannel) {
			_ = s.Close()
			synctest.Wait()
		})
		start(func(s *smallChannel) { _ = s.Close() }) // which is not seen yet
		start(func(s *smallChannel) { s.late, s.said = true, closesFirst{s} })
	})
}

// closesFirst is what a session says that the server closes instead.
type closesFirst struct{ channel *smallChannel }

func (c closesFirst) Read([]byte) (int, error) {
	_ = c.channel.Close()
	return 0, io.EOF
}

// TestHolderComesToItsTurn also where nothing else is to end here when the
// server has no room for it: a session that is open may be one by which the
// server was asked whether it lives.
func TestHolderComesToItsTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &smallServer{most: 1}
		c := onServer(t, server)
		other, _, err := server.OpenChannel("session", nil)
		if err != nil {
			t.Fatal(err)
		}
		c.Begin(false)
		synctest.Wait()
		_ = other.Close()
		time.Sleep(time.Minute)
		server.mu.Lock()
		defer server.mu.Unlock()
		if server.opened != 2 {
			t.Error("the link holder was never started")
		}
	})
}

// stuckServer is a connection to a server that ends each session at once, and
// takes nothing more.
type stuckServer struct {
	deadConnection
	closing chan struct{} // closed when a session is being closed here
}

func (s stuckServer) OpenChannel(string, []byte) (ssh.Channel, <-chan *ssh.Request, error) {
	requests := make(chan *ssh.Request)
	close(requests)
	return &stuckChannel{smallChannel: smallChannel{said: strings.NewReader("")}, server: s}, requests, nil
}

type stuckChannel struct {
	smallChannel
	server stuckServer
}

func (c *stuckChannel) SendRequest(string, bool, []byte) (bool, error) { return true, nil }

func (c *stuckChannel) Close() error {
	close(c.server.closing)
	<-c.server.gone
	return nil
}

// TestDropWhileALinkHolderFails: a connection on which nothing can be sent any
// more is given up while the session of a failed holder waits to be closed.
func TestDropWhileALinkHolderFails(t *testing.T) {
	server := stuckServer{deadConnection{make(chan struct{})}, make(chan struct{})}
	c := newConnection(server)
	c.Begin(false)
	<-server.closing
	dropped := make(chan struct{})
	go func() {
		defer close(dropped)
		c.Drop()
	}()
	select {
	case <-dropped:
	case <-time.After(time.Minute):
		t.Error("drop waits")
	}
	close(server.gone)
	<-c.done
}
