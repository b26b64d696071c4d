package guard

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/rs/zerolog"
)

// These tests run in a synctest bubble, which fails when a goroutine is left at
// its end, and in which all waits are for events: five seconds of a time limit
// pass at once.

// served is a Serve under test: the client's end of its channel, and how it
// ended.
type served struct {
	client net.Conn
	cancel context.CancelCauseFunc
	done   chan struct{}
	stats  Stats
	err    error
	log    bytes.Buffer
}

func serve(t *testing.T, dial Dial, bind []byte) *served {
	t.Helper()
	ctx, cancel := context.WithCancelCause(t.Context())
	client, channel := net.Pipe()
	s := &served{client: client, cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(s.done)
		g := New(dial, zerolog.New(&s.log))
		s.err = g.Serve(ctx, channel, bind)
		s.stats = g.Served()
		g.End()
	}()
	return s
}

func (s *served) end(t *testing.T) (Stats, error) {
	t.Helper()
	<-s.done
	if _, err := s.client.Read(make([]byte, 1)); !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("client sees %v, want the end of the channel", err)
	}
	return s.stats, s.err
}

// scripted is an agent that runs script on every connection and closes it then.
func scripted(script func(net.Conn)) Dial {
	return func(context.Context) (net.Conn, string, error) {
		ours, agents := net.Pipe()
		go func() {
			defer agents.Close()
			script(agents)
		}()
		return ours, "", nil
	}
}

// echo answers every request with its own bytes.
func echo(c net.Conn) { _, _ = io.Copy(c, c) }

func send(t *testing.T, w io.Writer, body ...byte) {
	t.Helper()
	if _, err := w.Write(encode(body...)); err != nil {
		t.Fatal(err)
	}
}

func expect(t *testing.T, r io.Reader, want ...byte) {
	t.Helper()
	var f frame
	if err := f.read(r); err != nil {
		t.Fatalf("%v, want the reply %v", err, want)
	}
	if got := f.buf.Bytes()[lengthSize:]; !bytes.Equal(got, want) {
		t.Fatalf("reply %v, want %v", got, want)
	}
}

func wantError(t *testing.T, err error, side Side, op string, cause error) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) || e.Side != side || e.Op != op || !sameKind(e.Err, cause) {
		t.Errorf("error is %v, want %s: %s: %v", err, side, op, cause)
	}
}

func TestRepliesInTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, scripted(echo), nil)
		send(t, s.client, 11)
		expect(t, s.client, 11)
		go func() { // a pipelining client does not wait
			for i := range 100 {
				_, _ = s.client.Write(encode(agentcSignRequest, byte(i)))
			}
		}()
		for i := range 100 {
			expect(t, s.client, agentcSignRequest, byte(i))
		}
		s.client.Close()
		stats, err := s.end(t)
		if err != nil || stats != (Stats{Requests: 101, Signs: 100}) {
			t.Errorf("%+v, %v", stats, err)
		}
	})
}

// Nothing of a message may be on the agent's connection before the message is
// whole: it may never become so.
func TestPartOfRequestIsNotPassed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, func(context.Context) (net.Conn, string, error) {
			t.Error("agent was dialed")
			return nil, "", os.ErrNotExist
		}, nil)
		if _, err := s.client.Write([]byte{0, 0, 0, 9, 13, 1, 2}); err != nil {
			t.Fatal(err)
		}
		s.client.Close()
		stats, err := s.end(t)
		wantError(t, err, Remote, "read", io.ErrUnexpectedEOF)
		if stats != (Stats{}) {
			t.Errorf("%+v counted", stats)
		}
	})
}

func TestBadFrames(t *testing.T) {
	zero, over := []byte{0, 0, 0, 0}, []byte{0, 4, 0, 1}
	answer := func(reply []byte) Dial {
		return scripted(func(c net.Conn) {
			_, _ = io.ReadFull(c, make([]byte, 5))
			_, _ = c.Write(reply)
		})
	}
	for _, c := range []struct {
		name     string
		dial     Dial
		request  []byte
		side     Side
		cause    error
		requests int
	}{
		{"zero from remote", scripted(echo), zero, Remote, errLength, 0},
		{"over from remote", scripted(echo), over, Remote, errLength, 0},
		{"zero from agent", answer(zero), encode(11), Agent, errLength, 1},
		{"over from agent", answer(over), encode(11), Agent, errLength, 1},
		{"cut from agent", answer([]byte{0, 0, 0, 2, 12}), encode(11), Agent, io.ErrUnexpectedEOF, 1},
		{"agent dies", answer(nil), encode(11), Agent, io.ErrUnexpectedEOF, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := serve(t, c.dial, nil)
				if _, err := s.client.Write(c.request); err != nil {
					t.Fatal(err)
				}
				stats, err := s.end(t)
				wantError(t, err, c.side, "read", c.cause)
				if stats.Requests != c.requests {
					t.Errorf("%+v", stats)
				}
			})
		})
	}
}

func TestAgentGoneBetweenRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, scripted(func(c net.Conn) { _, _ = io.CopyN(c, c, 5) }), nil)
		send(t, s.client, 11)
		expect(t, s.client, 11)
		send(t, s.client, 11)
		_, err := s.end(t)
		wantError(t, err, Agent, "write", io.ErrClosedPipe)
	})
}

func TestClientGoneBeforeReply(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked, answer := make(chan struct{}), make(chan struct{})
		s := serve(t, scripted(func(c net.Conn) {
			_, _ = io.ReadFull(c, make([]byte, 5))
			close(asked)
			<-answer
			_, _ = c.Write(encode(12))
		}), nil)
		send(t, s.client, 11)
		<-asked
		s.client.Close()
		close(answer)
		_, err := s.end(t)
		wantError(t, err, Remote, "write", io.ErrClosedPipe)
	})
}

func TestContextEndsChannel(t *testing.T) {
	cause := errors.New("connection lost")
	hang := func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }
	for _, c := range []struct {
		name string
		dial Dial
		act  func(*testing.T, *served)
	}{
		{"idle", scripted(echo), func(*testing.T, *served) {}},
		{"within a request", scripted(echo), func(t *testing.T, s *served) { _, _ = s.client.Write([]byte{0, 0}) }},
		{"between requests", scripted(echo), func(t *testing.T, s *served) {
			send(t, s.client, 11)
			expect(t, s.client, 11)
		}},
		{"agent works", scripted(hang), func(t *testing.T, s *served) { send(t, s.client, 11) }},
		{"reply not taken", scripted(echo), func(t *testing.T, s *served) { send(t, s.client, 11) }},
		{"refusing", func(context.Context) (net.Conn, string, error) { return nil, "", os.ErrNotExist }, func(t *testing.T, s *served) {
			send(t, s.client, 11)
			expect(t, s.client, agentFailure)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := serve(t, c.dial, nil)
				c.act(t, s)
				synctest.Wait()
				s.cancel(cause)
				if _, err := s.end(t); !errors.Is(err, cause) {
					t.Errorf("error is %v, want %v", err, cause)
				}
			})
		})
	}
}

// A client that has shut down its writing side still gets the reply. (A pipe
// has no half close, so this takes a socket.)
func TestHalfCloseGetsReply(t *testing.T) {
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	client, channel := socket(t, pair[0]), socket(t, pair[1])
	send(t, client, 11)
	if err := client.(*net.UnixConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	g := New(scripted(echo), zerolog.Nop())
	if err := g.Serve(t.Context(), channel, nil); err != nil || g.Served().Requests != 1 {
		t.Errorf("%+v, %v", g.Served(), err)
	}
	expect(t, client, 11)
}

func socket(t *testing.T, fd int) net.Conn {
	t.Helper()
	f := os.NewFile(uintptr(fd), "socket")
	defer f.Close()
	c, err := net.FileConn(f)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func TestLogHasNoContents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, scripted(echo), nil)
		send(t, s.client, []byte("\x19a private key")...)
		expect(t, s.client, []byte("\x19a private key")...)
		s.client.Close()
		_, _ = s.end(t)
		if log := s.log.String(); strings.Contains(log, "private") || !strings.Contains(log, `"channels":1,"requests":1,"signs":0,"refused":0`) {
			t.Errorf("log: %s", log)
		}
	})
}
