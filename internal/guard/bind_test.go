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

// sessionBind returns the message that tells an agent which SSH connection it is forwarded over: PROTOCOL.agent, section 1.
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

// bind returns what the guard is to send for an agent that is forwarded over a connection to the host.
func (h host) bind(t *testing.T) []byte {
	t.Helper()
	sessionID := []byte(rand.Text())
	signature, err := h.Sign(rand.Reader, sessionID)
	if err != nil {
		t.Fatal(err)
	}
	return sessionBind(h.PublicKey().Marshal(), sessionID, ssh.Marshal(signature))
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

// An agent shows a key that may be used towards "far" only through "near" to those who come from "near", and one that may
// only be used from here to nobody there; it can tell only if it was told where a channel comes from.
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

// What came while the agent was locked, and so could not bind, must not pass for local once it is unlocked.
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
