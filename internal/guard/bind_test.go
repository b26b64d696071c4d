package guard

import (
	"crypto/ed25519"
	"crypto/rand"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
	"golang.org/x/crypto/ssh/knownhosts"
)

// sessionBind returns the message that tells an agent which SSH connection it
// is forwarded over: PROTOCOL.agent, section 1.
func sessionBind(hostKey, sessionID, signature []byte) []byte {
	return append([]byte{agentcExtension}, ssh.Marshal(struct {
		Name                          string
		HostKey, SessionID, Signature []byte
		Forwarding                    bool
	}{"session-bind@openssh.com", hostKey, sessionID, signature, true})...)
}

// host is an SSH server as far as an agent sees of it: a name and a host key.
type host struct {
	ssh.Signer
}

func newHost(t *testing.T) host {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return host{signer}
}

// bind returns what the guard is to send for an agent that is forwarded over a
// connection to the host.
func (h host) bind(t *testing.T) []byte {
	t.Helper()
	sessionID := []byte(rand.Text())
	signature, err := h.Sign(rand.Reader, sessionID)
	if err != nil {
		t.Fatal(err)
	}
	return sessionBind(h.PublicKey().Marshal(), sessionID, ssh.Marshal(signature))
}

// list is the answer of an agent that has a key, none that of one that has
// none, or is locked.
var list, none = []byte{agentIDsAnswer, 0, 0, 0, 1, 'k'}, []byte{agentIDsAnswer, 0, 0, 0, 0}

// TestBindComesFirst: the agent is told where requests come from before the
// first of them, and before each further one until it accepts that. What it
// tells after a refusal is held back until it has refused once more.
func TestBindComesFirst(t *testing.T) {
	const ask, bind = "ask", "bind"
	success, failure := []byte{agentSuccess}, []byte{agentFailure}
	// unknown are the answers of an agent that does not know session-bind to a
	// request, and doubted what it is asked for that.
	unknown := func(refusal, answer []byte) [][]byte {
		return slices.Concat([][]byte{refusal, answer}, slices.Repeat([][]byte{refusal}, doubts))
	}
	doubted := slices.Concat([]string{bind, ask}, slices.Repeat([]string{bind}, doubts))
	for _, c := range []struct {
		name    string
		replies [][]byte // the agent's, one after the other
		asked   []string // what it was asked by them
		given   [][]byte // what the client got for its two requests
	}{
		{"accepted", [][]byte{success, list, list}, []string{bind, ask, ask}, [][]byte{list, list}},
		{"not known, failure", slices.Concat(unknown(failure, list), unknown(failure, list)), slices.Concat(doubted, doubted), [][]byte{list, list}},
		{"not known, failure of the extension", slices.Concat(unknown([]byte{agentExtensionFailure}, list), [][]byte{{agentExtensionFailure}, none}), append(slices.Clone(doubted), bind, ask), [][]byte{list, none}},
		{"not known, an answer that no protocol has", slices.Concat(unknown([]byte{99, 1}, list), unknown(list, list)), slices.Concat(doubted, doubted), [][]byte{list, list}},
		{"locked, then not", [][]byte{failure, none, success, list}, []string{bind, ask, bind, ask}, [][]byte{none, list}},
		{"locked, then failing, then not", [][]byte{failure, failure, success, list}, []string{bind, ask, bind, ask}, [][]byte{failure, list}},
		{"unlocked right after it refused", [][]byte{failure, list, success, none, none}, []string{bind, ask, bind, ask, ask}, [][]byte{none, none}},
		{"locked and unlocked", [][]byte{failure, list, failure, failure, success, none, none}, []string{bind, ask, bind, bind, bind, ask, ask}, [][]byte{none, none}},
		{"something done", [][]byte{failure, success, failure, success}, []string{bind, ask, bind, ask}, [][]byte{success, success}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				message := sessionBind([]byte("key"), []byte("id"), []byte("sig"))
				var asked []string
				s := serve(t, scripted(func(conn net.Conn) {
					var f frame
					for _, reply := range c.replies {
						if err := f.read(conn); err != nil {
							t.Error(err)
						}
						asked = append(asked, map[string]string{string(message): bind, "\x0b": ask}[string(f.body())])
						send(t, conn, reply...)
					}
				}), message)
				for _, want := range c.given {
					send(t, s.client, agentcRequestIDs)
					expect(t, s.client, want...)
				}
				s.client.Close()
				if stats, err := s.end(t); err != nil || stats.Requests != 2 {
					t.Errorf("%+v, %v, want the client's two requests", stats, err)
				}
				if !slices.Equal(asked, c.asked) {
					t.Errorf("agent was asked %q, want %q", asked, c.asked)
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
		{"agent dies", nil, io.ErrUnexpectedEOF},
		{"no message", []byte{0, 0, 0, 0}, errLength},
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

// TestUnboundIsNotAsked: what an agent that refuses to be bound is not even
// asked.
func TestUnboundIsNotAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, scripted(func(conn net.Conn) {
			var f frame
			for range 3 {
				if err := f.read(conn); err != nil {
					t.Error(err)
				}
				if !f.isSessionBind() || !strings.Contains(string(f.body()), "ours") {
					t.Errorf("the agent was asked %q", f.body())
				}
				send(t, conn, agentFailure)
			}
		}), sessionBind([]byte("ours"), nil, nil))
		for _, request := range [][]byte{{agentcLock, 0, 0, 0, 1, 'x'}, {agentcUnlock, 0, 0, 0, 1, 'x'}, sessionBind([]byte("theirs"), nil, nil)} {
			send(t, s.client, request...)
			expect(t, s.client, agentFailure)
		}
		s.client.Close()
		if _, err := s.end(t); err != nil {
			t.Error(err)
		}
	})
}

// An agent shows a key that may be used towards "far" only through "near" to
// those who come from "near", and one that may only be used from here to nobody
// there; it can tell only if it was told where a channel comes from.
func TestBindMakesAgentKeepConstraints(t *testing.T) {
	near, far, other := newHost(t), newHost(t), newHost(t)
	hosts := filepath.Join(t.TempDir(), "known_hosts")
	lines := knownhosts.Line([]string{"near"}, near.PublicKey()) + "\n" + knownhosts.Line([]string{"far"}, far.PublicKey()) + "\n"
	if err := os.WriteFile(hosts, []byte(lines), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		arg    []string // the key's constraints
		bind   []byte
		listed bool
	}{
		{"onward key, from near", []string{"-h", "near", "-h", "near>far"}, near.bind(t), true},
		{"onward key, from elsewhere", []string{"-h", "near", "-h", "near>far"}, other.bind(t), false},
		{"local key, from near", []string{"-h", "far"}, near.bind(t), false},
		{"local key, unbound", []string{"-h", "far"}, nil, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, local := startAgent(t)
			mustRun(t, local, "ssh-add", append(append([]string{"-H", hosts}, c.arg...), newKeyFile(t))...)
			out, _ := run(t, guarded(t, dialer(local), c.bind), "ssh-add", "-l")
			if strings.Contains(out, "test key") != c.listed {
				t.Errorf("listed should be %t: %s", c.listed, out)
			}
		})
	}
}

// What came while the agent was locked, and so could not bind, must not pass
// for local once it is unlocked.
func TestBindAfterUnlock(t *testing.T) {
	near, far := newHost(t), newHost(t)
	hosts := filepath.Join(t.TempDir(), "known_hosts")
	if err := os.WriteFile(hosts, []byte(knownhosts.Line([]string{"far"}, far.PublicKey())), 0o600); err != nil {
		t.Fatal(err)
	}
	_, local := startAgent(t)
	mustRun(t, local, "ssh-add", "-H", hosts, "-h", "far", newKeyFile(t))
	conn, err := net.Dial("unix", local)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	owner := agent.NewClient(conn)
	if err := owner.Lock([]byte("secret")); err != nil {
		t.Fatal(err)
	}
	remote, end := dialThrough(t, dialer(local), near.bind(t))
	defer end()
	for _, act := range []func() error{func() error { return nil }, func() error { return owner.Unlock([]byte("secret")) }} {
		if err := act(); err != nil {
			t.Fatal(err)
		}
		if keys, err := remote.List(); err != nil || len(keys) != 0 {
			t.Errorf("list: %v, %v", keys, err)
		}
	}
}
