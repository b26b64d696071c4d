package guard

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
)

// These tests run in a synctest bubble, which fails when a goroutine is left at its end, and in which all waits are for
// events: five seconds of a time limit pass at once.

// served is a Serve under test: the client's end of its channel, and how it ended.
type served struct {
	client net.Conn
	cancel context.CancelCauseFunc
	done   chan struct{}
	stats  Stats
	err    error
	log    bytes.Buffer
}

func serve(t *testing.T, dial func(context.Context) (net.Conn, error), bind []byte) *served {
	t.Helper()
	ctx, cancel := context.WithCancelCause(t.Context())
	client, channel := net.Pipe()
	s := &served{client: client, cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(s.done)
		s.stats, s.err = Serve(ctx, channel, dial, bind, zerolog.New(&s.log))
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
func scripted(script func(net.Conn)) func(context.Context) (net.Conn, error) {
	return func(context.Context) (net.Conn, error) {
		ours, agents := net.Pipe()
		go func() {
			defer agents.Close()
			script(agents)
		}()
		return ours, nil
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

// Nothing of a message may be on the agent's connection before the message is whole: it may never become so.
func TestPartOfRequestIsNotPassed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, func(context.Context) (net.Conn, error) {
			t.Error("agent was dialed")
			return nil, os.ErrNotExist
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
	answer := func(reply []byte) func(context.Context) (net.Conn, error) {
		return scripted(func(c net.Conn) {
			_, _ = io.ReadFull(c, make([]byte, 5))
			_, _ = c.Write(reply)
		})
	}
	for _, c := range []struct {
		name     string
		dial     func(context.Context) (net.Conn, error)
		request  []byte
		side     Side
		cause    error
		requests int
	}{
		{"zero from remote", scripted(echo), zero, Remote, &LengthError{}, 0},
		{"over from remote", scripted(echo), over, Remote, &LengthError{}, 0},
		{"zero from agent", answer(zero), encode(11), Agent, &LengthError{}, 1},
		{"over from agent", answer(over), encode(11), Agent, &LengthError{}, 1},
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

func TestDialFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dials := 0
		s := serve(t, func(context.Context) (net.Conn, error) {
			dials++
			return nil, os.ErrNotExist
		}, nil)
		for range 3 {
			send(t, s.client, 11)
			expect(t, s.client, agentFailure)
		}
		s.client.Close()
		stats, err := s.end(t)
		wantError(t, err, Agent, "dial", os.ErrNotExist)
		if dials != 1 || stats.Requests != 3 {
			t.Errorf("dialed %d times for %+v", dials, stats)
		}
	})
}

func TestDialHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		s := serve(t, func(ctx context.Context) (net.Conn, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}, nil)
		send(t, s.client, 11)
		expect(t, s.client, agentFailure)
		if waited := time.Since(begin); waited != dialTimeout {
			t.Errorf("answered after %v, want %v", waited, dialTimeout)
		}
		s.client.Close()
		_, err := s.end(t)
		wantError(t, err, Agent, "dial", context.DeadlineExceeded)
	})
}

func TestDialQueueFull(t *testing.T) {
	for _, c := range []struct {
		name  string
		full  time.Duration // how long dialing fails
		reply byte
	}{
		{"for a moment", time.Second, 11},
		{"for good", time.Hour, agentFailure},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begin := time.Now()
				s := serve(t, func(ctx context.Context) (net.Conn, error) {
					if time.Since(begin) < c.full {
						return nil, &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.EAGAIN)}
					}
					return scripted(echo)(ctx)
				}, nil)
				send(t, s.client, 11)
				expect(t, s.client, c.reply)
				s.client.Close()
				_, _ = s.end(t)
			})
		})
	}
}

func TestContextEndsChannel(t *testing.T) {
	cause := errors.New("connection lost")
	hang := func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }
	for _, c := range []struct {
		name string
		dial func(context.Context) (net.Conn, error)
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
		{"refusing", func(context.Context) (net.Conn, error) { return nil, os.ErrNotExist }, func(t *testing.T, s *served) {
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

func TestBindComesFirst(t *testing.T) {
	bind := sessionBind([]byte("key"), []byte("id"), []byte("sig"))
	for _, c := range []struct {
		name    string
		replies []byte // the agent's, one after the other
		binds   int    // how many of two requests are preceded by the message
	}{
		{"accepted", []byte{agentSuccess, 12, 12}, 1},
		{"unknown", []byte{agentFailure, 12, agentFailure, 12}, 2},
		{"refused", []byte{agentExtensionFailure, 12, agentExtensionFailure, 12}, 2},
		{"locked at first", []byte{agentFailure, 12, agentSuccess, 12}, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var asked []string
				s := serve(t, scripted(func(conn net.Conn) {
					var f frame
					for _, reply := range c.replies {
						if err := f.read(conn); err != nil {
							t.Error(err)
						}
						asked = append(asked, string(f.buf.Bytes()[lengthSize:]))
						send(t, conn, reply)
					}
				}), bind)
				for range 2 {
					send(t, s.client, 11)
					expect(t, s.client, 12)
				}
				s.client.Close()
				if stats, err := s.end(t); err != nil || stats.Requests != 2 {
					t.Errorf("%+v, %v, want the client's two requests", stats, err)
				}
				want := []string{string(bind), "\x0b", string(bind), "\x0b"}
				if c.binds == 1 {
					want = slices.Delete(want, 2, 3)
				}
				if !slices.Equal(asked, want) {
					t.Errorf("agent was asked %q, want %q", asked, want)
				}
			})
		})
	}
}

func TestBindFails(t *testing.T) {
	for _, c := range []struct {
		name  string
		reply []byte
		cause error
	}{
		{"odd reply", encode(12), &BindReplyError{Type: 12}},
		{"agent dies", nil, io.ErrUnexpectedEOF},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := serve(t, scripted(func(conn net.Conn) {
					var f frame
					_ = f.read(conn)
					_, _ = conn.Write(c.reply)
				}), sessionBind(nil, nil, nil))
				send(t, s.client, 11)
				_, err := s.end(t)
				wantError(t, err, Agent, "bind", c.cause)
			})
		})
	}
}

// A client that has shut down its writing side still gets the reply. (A pipe has no half close, so this takes a socket.)
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
	if stats, err := Serve(t.Context(), channel, scripted(echo), nil, zerolog.Nop()); err != nil || stats.Requests != 1 {
		t.Errorf("%+v, %v", stats, err)
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
		if log := s.log.String(); strings.Contains(log, "private") || !strings.Contains(log, `"type":25,"size":14`) {
			t.Errorf("log: %s", log)
		}
	})
}
