package guard

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/rs/zerolog"
)

// serveMaster is serve for the channel of an OpenSSH master.
func serveMaster(t *testing.T, dial Dial) *served {
	t.Helper()
	client, channel := net.Pipe()
	s := &served{client: client, done: make(chan struct{})}
	go func() {
		defer close(s.done)
		bind, rest, err := Greet(t.Context(), channel)
		if err != nil {
			channel.Close()
			s.err = err
			return
		}
		g := New(dial, zerolog.New(&s.log))
		s.err = g.Serve(t.Context(), rest, bind)
		s.stats = g.Served()
	}()
	return s
}

// recorder is an agent that answers with these types and notes what it was
// asked.
func recorder(t *testing.T, asked *[]string, replies ...byte) Dial {
	return scripted(func(conn net.Conn) {
		var f frame
		for _, reply := range replies {
			if err := f.read(conn); err != nil {
				t.Error(err)
			}
			*asked = append(*asked, string(f.body()))
			send(t, conn, reply)
		}
	})
}

// TestMasterBinds: what ssh begins with is answered before the agent is asked
// anything, reaches the agent first, again after a refusal, and is no request
// of the remote's.
func TestMasterBinds(t *testing.T) {
	bind := sessionBind([]byte("key"), []byte("id"), []byte("sig"))
	synctest.Test(t, func(t *testing.T) {
		var asked []string
		s := serveMaster(t, recorder(t, &asked, agentFailure, agentSuccess, agentSuccess, 12, 12))
		send(t, s.client, bind...)
		expect(t, s.client, agentSuccess)
		synctest.Wait()
		if len(asked) > 0 {
			t.Errorf("the agent was asked %q before there was a request", asked)
		}
		for _, answer := range []byte{agentSuccess, 12, 12} {
			send(t, s.client, 11)
			expect(t, s.client, answer)
		}
		s.client.Close()
		if stats, err := s.end(t); err != nil || stats.Requests != 3 {
			t.Errorf("%+v, %v, want the remote's three requests", stats, err)
		}
		if want := []string{string(bind), "\x0b", string(bind), "\x0b", "\x0b"}; !slices.Equal(asked, want) {
			t.Errorf("the agent was asked %q, want %q", asked, want)
		}
	})
}

// TestMasterBindsNot: an old ssh says nothing of its own. The remote can then
// do what the agent takes from everybody, but not make it load a library.
func TestMasterBindsNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked []string
		s := serveMaster(t, recorder(t, &asked, 12, 14, 6))
		send(t, s.client, 11)
		expect(t, s.client, 12)
		for _, loads := range []byte{20, 26} {
			send(t, s.client, loads)
			expect(t, s.client, agentFailure)
		}
		send(t, s.client, 13)
		expect(t, s.client, 14)
		send(t, s.client, 17)
		expect(t, s.client, 6)
		s.client.Close()
		if stats, err := s.end(t); err != nil || stats.Requests != 5 || stats.Signs != 1 {
			t.Errorf("%+v, %v, want five requests with one signature", stats, err)
		}
		if want := []string{"\x0b", "\x0d", "\x11"}; !slices.Equal(asked, want) {
			t.Errorf("the agent was asked %q, want %q", asked, want)
		}
	})
}

// TestMasterEndsEarly: a channel that is closed before anything was asked costs
// the agent nothing.
func TestMasterEndsEarly(t *testing.T) {
	never := func(context.Context) (net.Conn, string, error) {
		t.Error("the agent was dialed")
		return nil, "", net.ErrClosed
	}
	for name, sent := range map[string][]byte{"at once": nil, "after the binding": sessionBind(nil, nil, nil)} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := serveMaster(t, never)
				if sent != nil {
					send(t, s.client, sent...)
					expect(t, s.client, agentSuccess)
				}
				s.client.Close()
				if stats, err := s.end(t); err != nil && !errors.Is(err, io.EOF) || stats != (Stats{}) {
					t.Errorf("%+v, %v", stats, err)
				}
			})
		})
	}
}

// spoken is a channel on which all was said that will be.
type spoken struct{ bytes.Reader }

func (*spoken) Write(p []byte) (int, error) { return len(p), nil }
func (*spoken) Close() error                { return nil }

// TestMasterLeavesTheRemotesWords where they are until the channel has its
// turn, but for a few: an old ssh says nothing of its own, and its remote may
// begin many channels with as much as a message can have.
func TestMasterLeavesTheRemotesWords(t *testing.T) {
	for name, first := range map[string][]byte{
		"a key to add":              append([]byte{agentcAddIdentity}, make([]byte, MaxFrame-1)...),
		"a session-bind of its own": sessionBind(make([]byte, MaxFrame/2), nil, nil),
		"a list":                    {agentcRequestIDs},
		"an extension, cut off":     {agentcExtension, 0, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			var said frame
			said.set(first...)
			all := bytes.Clone(said.buf.Bytes())
			channel := &spoken{}
			channel.Reset(all)
			bind, rest, err := Greet(t.Context(), channel)
			if err != nil || bind != nil {
				t.Fatalf("%d bytes of a binding, %v", len(bind), err)
			}
			if taken := len(all) - channel.Len(); taken > 64 {
				t.Errorf("%d bytes were taken", taken)
			}
			if left, err := io.ReadAll(rest); err != nil || !bytes.Equal(left, all) {
				t.Errorf("%d bytes came of %d, %v", len(left), len(all), err)
			}
		})
	}
}
