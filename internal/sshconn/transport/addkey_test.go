//go:build linux

package transport

import (
	"context"
	"net"
	"strings"
	"testing"

	"github.com/rs/zerolog"
	"golang.org/x/crypto/ssh/agent"

	"github.com/mosha-ssh/mosha/internal/lab"
	"github.com/mosha-ssh/mosha/internal/sshconn"
	"github.com/mosha-ssh/mosha/internal/sshconn/native"
)

// agentHas returns the comments of an agent's keys.
func agentHas(t *testing.T, sock string) []*agent.Key {
	t.Helper()
	conn, err := net.Dial("unix", sock)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	keys, err := agent.NewClient(conn).List()
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// signs reports whether the agent signs with its first key.
func signs(t *testing.T, sock string) bool {
	t.Helper()
	conn, err := net.Dial("unix", sock)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	keys := agentHas(t, sock)
	_, err = agent.NewClient(conn).Sign(keys[0], []byte("data"))
	return err == nil
}

// TestAddKeysToAgent: a key that was opened goes to the agent, with what the
// configuration wants for it.
func TestAddKeysToAgent(t *testing.T) {
	for _, test := range []struct {
		value  string
		answer string // to the question about adding
		added  bool
		signs  bool
	}{
		{"yes", "", true, true}, {"no", "", false, false}, {"confirm", "", true, false}, {"1h", "", true, true},
		{"ask", "yes", true, true}, {"ask", "no", false, false}, {"ask", "", false, false},
	} {
		t.Run(test.value+" "+test.answer, func(t *testing.T) {
			s := newSite(t, lab.SshdConfig{})
			s.key = s.newKey("locked", "ed25519", "-N", testPassphrase, "-a", "1")
			s.authorize(s.key)
			sock := s.agent()
			cfg := s.config("IdentityAgent "+sock, "AddKeysToAgent "+test.value)
			opts := options(cfg)
			asked := ""
			opts.Prompt = func(_ context.Context, p sshconn.Prompt) ([][]byte, error) {
				asked += p.Kind + " "
				if p.Kind == sshconn.PromptAddKey {
					return [][]byte{[]byte(test.answer)}, nil
				}
				return [][]byte{[]byte(testPassphrase)}, nil
			}
			conn, err := native.Dial(t.Context(), cfg, opts)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if strings.Contains(asked, sshconn.PromptAddKey) != (test.value == "ask") {
				t.Errorf("asked for %s", asked)
			}
			keys := agentHas(t, sock)
			if (len(keys) == 1) != test.added || test.added && keys[0].Comment != "locked" {
				t.Fatalf("the agent has %v", keys)
			}
			if test.added && signs(t, sock) != test.signs {
				t.Errorf("the agent signs: %v", !test.signs)
			}
			if conn.Facts().Typed == test.added || (len(conn.Facts().Notes) == 1) != conn.Facts().Typed {
				t.Errorf("typed: %v, %+v", conn.Facts().Typed, conn.Facts().Notes)
			}
		})
	}
}

// TestKeysLifetime: the agent drops a key whose time is over.
func TestKeysLifetime(t *testing.T) {
	s := newSite(t, lab.SshdConfig{})
	sock := s.agent()
	cfg := s.config("IdentityAgent "+sock, "AddKeysToAgent 1s")
	opts, log := options(cfg), &strings.Builder{}
	opts.Log = zerolog.New(log)
	opts.Prompt = func(context.Context, sshconn.Prompt) ([][]byte, error) { return nil, sshconn.ErrNoAnswer }
	conn, err := native.Dial(t.Context(), cfg, opts)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if !strings.Contains(log.String(), "identity added to the agent") || strings.Contains(log.String(), "failed") {
		t.Fatalf("the agent never had it:\n%s", log)
	}
	err = lab.Eventually(t.Context(), "the agent drops the key", func() (bool, error) { return len(agentHas(t, sock)) == 0, nil })
	if err != nil {
		t.Error(err)
	}
}

// TestUnattendedAddsNoKey: as ssh, a person who runs mosha puts the key into the
// agent, even if they want to be asked nothing. A connection that comes back by
// itself does not: it may have been removed since.
func TestUnattendedAddsNoKey(t *testing.T) {
	s := newSite(t, lab.SshdConfig{})
	for name, c := range map[string]struct {
		attended bool
		batch    string
		added    int
	}{
		"nobody": {false, "no", 0}, "nobody, BatchMode": {false, "yes", 0},
		"person": {true, "no", 1}, "person, BatchMode": {true, "yes", 1},
	} {
		for _, transport := range []string{sshconn.TransportNative, sshconn.TransportOpenSSH} {
			t.Run(name+" "+transport, func(t *testing.T) {
				sock := s.agent()
				lines := []string{"IdentityAgent " + sock, "AddKeysToAgent 1h", "BatchMode " + c.batch}
				cfg := s.config(lines...)
				opts := over(t, cfg, transport)
				if c.attended {
					opts.Prompt = func(context.Context, sshconn.Prompt) ([][]byte, error) { return nil, sshconn.ErrNoAnswer }
				}
				conn, err := Open(t.Context(), cfg, opts)
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
				if keys := agentHas(t, sock); len(keys) != c.added {
					t.Errorf("the agent has %v", keys)
				}
				if c.attended {
					oracle := s.agent()
					args := append(s.ssh(append([]string{"IdentityAgent " + oracle}, lines[1:]...)...), "-n", "site", "true")
					s.run(args[0], args[1:]...)
					if keys := agentHas(t, oracle); len(keys) != c.added {
						t.Errorf("that of ssh has %v", keys)
					}
				}
			})
		}
	}
}

// TestUnattendedHopAddsNoKey: nor does the ssh to a jump host.
func TestUnattendedHopAddsNoKey(t *testing.T) {
	s := newSite(t, lab.SshdConfig{})
	for _, attended := range []bool{false, true} {
		for _, transport := range []string{sshconn.TransportNative, sshconn.TransportOpenSSH} {
			sock := s.agent()
			cfg := s.config("IdentityAgent "+sock, "Match originalhost site\nProxyJump hop\nMatch originalhost hop\nAddKeysToAgent yes\nMatch all")
			opts := over(t, cfg, transport)
			want := 0
			if attended {
				want = 1
				opts.Prompt = func(context.Context, sshconn.Prompt) ([][]byte, error) { return nil, sshconn.ErrNoAnswer }
			}
			conn, err := Open(t.Context(), cfg, opts)
			if err != nil {
				t.Fatal(err)
			}
			conn.Close()
			if keys := agentHas(t, sock); len(keys) != want {
				t.Errorf("%s, attended %v: the agent has %v", transport, attended, keys)
			}
		}
	}
}

// TestCertificateOfALockedKey: its key is opened when the certificate is taken.
func TestCertificateOfALockedKey(t *testing.T) {
	s := newSite(t, lab.SshdConfig{Extra: []string{"TrustedUserCAKeys {dir}/ca.pub"}})
	ca := s.newKey("ca", "ed25519")
	s.key = s.newKey("locked", "ecdsa", "-N", testPassphrase, "-a", "1")
	s.run("ssh-keygen", "-q", "-s", ca, "-I", "me", "-n", strings.TrimSpace(s.run("id", "-un")), s.key+".pub")
	cfg := s.config()
	opts := options(cfg)
	asked := 0
	opts.Prompt = func(_ context.Context, p sshconn.Prompt) ([][]byte, error) {
		asked++
		return [][]byte{[]byte(testPassphrase)}, nil
	}
	conn, err := native.Dial(t.Context(), cfg, opts)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	works(t, conn)
	if asked != 1 || !strings.Contains(s.sshd.Log(), "ECDSA-CERT") {
		t.Errorf("asked %d times", asked)
	}
}
