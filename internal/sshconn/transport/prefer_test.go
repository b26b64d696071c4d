//go:build linux

package transport

import (
	"net"
	"os"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/mosha-ssh/mosha/internal/lab"
	"github.com/mosha-ssh/mosha/internal/sshconn/native"
)

// TestIdentity has more keys than the server lets try, which are six more from
// OpenSSH 10.6 on: the one that worked before comes first.
func TestIdentity(t *testing.T) {
	s := newSite(t, lab.SshdConfig{Extra: []string{"MaxAuthTries 2", "TrustedUserCAKeys {dir}/ca.pub"}})
	right := s.key
	s.certify("certified")
	s.key = s.newKey("stranger", "ed25519")
	wrong := []string{s.newKey("a", "ed25519"), s.newKey("b", "rsa")}
	for _, name := range strings.Split("cdefghi", "") {
		wrong = append(wrong, s.newKey(name, "ecdsa"))
	}
	many := s.agent(append(wrong, right, s.path("certified"))...)
	files := func(last string) (lines []string) {
		for _, file := range append(wrong, last) {
			lines = append(lines, "IdentityFile "+file)
		}
		return lines
	}
	for _, test := range []struct {
		name  string
		key   string
		lines []string
	}{
		{"the agent's", right, []string{"IdentityAgent " + many}},
		{"a file", right, files(right)},
		{"a certificate in the agent", s.path("certified"), []string{"IdentityAgent " + many}},
		{"a certificate file", s.path("certified"), files(s.path("certified"))},
	} {
		cfg := s.config(test.lines...)
		want := strings.Fields(s.run("ssh-keygen", "-l", "-f", test.key+".pub"))[1]
		if conn, err := s.dial(cfg); err == nil {
			t.Errorf("%s: the server has let all keys be tried, and taken %s", test.name, conn.Facts().Identity)
		}
		opts := options(cfg)
		opts.Identity = want
		conn, err := native.Dial(t.Context(), cfg, opts)
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		if conn.Facts().Identity != want {
			t.Errorf("%s: %s was accepted, want %s", test.name, conn.Facts().Identity, want)
		}
		conn.Close()
	}
}

// certify makes a key for which the server knows only its certificate's
// authority.
func (s *site) certify(name string) {
	s.t.Helper()
	ca := s.newKey("ca", "ed25519")
	s.newKey(name, "ed25519")
	user := strings.TrimSpace(s.run("id", "-un"))
	s.run("ssh-keygen", "-q", "-s", ca, "-I", "me", "-n", user, s.path(name+".pub"))
}

// TestIdentityIsNoPermission prefers a key that is nowhere, and one that the
// configuration does not let be tried.
func TestIdentityIsNoPermission(t *testing.T) {
	s := newSite(t, lab.SshdConfig{})
	other := s.newKey("other", "ed25519")
	s.authorize(other)
	cfg := s.config("IdentityAgent "+s.agent(other, s.key), "IdentitiesOnly yes")
	key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(s.read("id.pub")))
	if err != nil {
		t.Fatal(err)
	}
	otherKey, _, _, _, err := ssh.ParseAuthorizedKey([]byte(s.read("other.pub")))
	if err != nil {
		t.Fatal(err)
	}
	for _, preferred := range []string{"", "SHA256:unknown", ssh.FingerprintSHA256(otherKey)} {
		opts := options(cfg)
		opts.Identity = preferred
		conn, err := native.Dial(t.Context(), cfg, opts)
		if err != nil {
			t.Errorf("%q: %v", preferred, err)
			continue
		}
		if conn.Facts().Identity != ssh.FingerprintSHA256(key) {
			t.Errorf("%q: %s was accepted", preferred, conn.Facts().Identity)
		}
		conn.Close()
	}
}

// TestNoIdentity logs in to a server that asks for no key.
func TestNoIdentity(t *testing.T) {
	conn, err := dialOpenServer(t)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if conn.Facts().Identity != "" {
		t.Errorf("identity %q", conn.Facts().Identity)
	}
}

// dialOpenServer dials a server of x/crypto's that lets anybody in, as an sshd
// does for an account without a password.
func dialOpenServer(t *testing.T) (*native.Conn, error) {
	t.Helper()
	s := &site{t: t, dir: t.TempDir()}
	text, err := os.ReadFile(s.newKey("host", "ed25519"))
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.ParsePrivateKey(text)
	if err != nil {
		t.Fatal(err)
	}
	config := &ssh.ServerConfig{NoClientAuth: true}
	config.AddHostKey(signer)
	addr := server(t, func(conn net.Conn) {
		if _, _, _, err := ssh.NewServerConn(conn, config); err == nil {
			untilClosed(conn)
		}
	})
	cfg := configTo(t, addr, "StrictHostKeyChecking no")
	return native.Dial(t.Context(), cfg, options(cfg))
}
