//go:build linux

package transport

import (
	"errors"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/mosha-ssh/mosha/internal/lab"
	"github.com/mosha-ssh/mosha/internal/lab/labtest"
	"github.com/mosha-ssh/mosha/internal/sshconn"
)

// TestAuthAsSSH lets ssh and Dial log in with the same configuration, and
// compares which key the server took, by its own log.
func TestAuthAsSSH(t *testing.T) {
	t.Parallel()
	s := newSite(t, lab.SshdConfig{Extra: []string{"TrustedUserCAKeys {dir}/ca.pub"}})
	s.authKeys()
	both := s.agent(s.path("rsa"), s.path("second"), s.path("agentonly"))
	only := s.agent(s.path("agentonly"), s.path("stranger"))
	certs := s.agent(s.path("certified")) // ssh-add takes the certificate too
	none := s.path("no-agent")
	identity := func(names ...string) []string {
		lines := []string{}
		for _, name := range names {
			lines = append(lines, "IdentityFile "+s.path(name))
		}
		return lines
	}
	for _, test := range labtest.Rows(9, []struct {
		name  string
		agent string
		lines []string
	}{
		{"file", none, identity("id")},
		{"second file", none, identity("stranger", "second")},
		{"rsa", none, identity("rsa")},
		{"ecdsa", none, identity("ecdsa")},
		{"pem", none, identity("pem")},
		{"missing file", none, identity("nothing", "second")},
		{"encrypted file is passed over", none, identity("locked", "second")},
		{"loose permissions", none, identity("loose", "second")},
		{"only loose permissions", none, append(identity("loose"), "IdentitiesOnly yes")},
		{"public file without agent", none, identity("id.pub", "second")},
		{"nothing fits", none, identity("stranger")},
		{"agent", only, identity("stranger")},
		{"agent before files", both, identity("id")},
		{"agent's configured keys first", both, identity("second")},
		{"agent's own order", both, identity("agentonly", "second")},
		{"identities only", both, append(identity("id"), "IdentitiesOnly yes")},
		{"identities only, from the agent", both, append(identity("second"), "IdentitiesOnly yes")},
		{"identities only, public file", only, append(identity("agentonly.pub"), "IdentitiesOnly yes")},
		{"identities only, encrypted file that the agent has", only, append(identity("agentonly"), "IdentitiesOnly yes")},
		{"no rsa", both, append(identity("id"), "PubkeyAcceptedAlgorithms ssh-ed25519")},
		{"rsa 256", both, append(identity("id"), "PubkeyAcceptedAlgorithms rsa-sha2-256")},
		{"nothing accepted", none, append(identity("id"), "PubkeyAcceptedAlgorithms ecdsa-sha2-nistp256")},
		{"certificate beside the key", none, identity("certified")},
		{"certificate in the agent", certs, identity("stranger")},
		{"certificate file", none, append(identity("plain"), "CertificateFile "+s.path("plain-by-ca.pub"))},
		{"certificate file, key in the agent", s.agent(s.path("plain")), append(identity("stranger"), "CertificateFile "+s.path("plain-by-ca.pub"))},
		{"public key authentication off", both, append(identity("id"), "PubkeyAuthentication no")},
	}) {
		lines := append(test.lines, "IdentityAgent "+test.agent)
		want := s.sshLogin(lines)
		got := s.dialLogin(lines)
		if got != want {
			t.Errorf("%s: Dial: %s, ssh: %s", test.name, got, want)
		}
	}
}

// authKeys makes the keys of TestAuthAsSSH; the server takes all but stranger.
func (s *site) authKeys() {
	ca := s.newKey("ca", "ed25519")
	for name, keyType := range map[string]string{
		"second": "ed25519", "agentonly": "ed25519", "rsa": "rsa", "ecdsa": "ecdsa", "loose": "ed25519", "stranger": "ed25519",
		"certified": "ed25519", "plain": "ecdsa",
	} {
		s.newKey(name, keyType)
	}
	s.newKey("pem", "rsa", "-m", "PEM")
	s.newKey("locked", "ed25519", "-N", "secret")
	s.authorize(s.path("second"), s.path("agentonly"), s.path("rsa"), s.path("ecdsa"), s.path("loose"), s.path("pem"), s.path("locked"))
	if err := os.Chmod(s.path("loose"), 0o644); err != nil {
		s.t.Fatal(err)
	}
	user := strings.TrimSpace(s.run("id", "-un"))
	s.run("ssh-keygen", "-q", "-s", ca, "-I", "me", "-n", user, s.path("certified.pub"))
	s.run("ssh-keygen", "-q", "-s", ca, "-I", "me", "-n", user, s.path("plain.pub"))
	if err := os.Rename(s.path("plain-cert.pub"), s.path("plain-by-ca.pub")); err != nil {
		s.t.Fatal(err)
	}
}

// sshLogin returns what sshd logged about ssh's login.
func (s *site) sshLogin(lines []string) string {
	before := len(s.sshd.Log())
	args := append(s.ssh(lines...), "-n", "-N", "-o", "BatchMode=yes", "-o", "PasswordAuthentication=no", "site")
	cmd := exec.Command(args[0], args[1:]...)
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	return s.loginSince(before)
}

func (s *site) dialLogin(lines []string) string {
	before := len(s.sshd.Log())
	conn, err := s.dial(s.config(lines...))
	if err == nil {
		defer conn.Close()
	} else if denied := (*sshconn.AuthError)(nil); !errors.As(err, &denied) {
		return err.Error()
	}
	return s.loginSince(before)
}

var (
	newConnection = regexp.MustCompile(`(?m)^Connection from \S+ port (\d+) `)
	accepted      = regexp.MustCompile(`^Accepted .* port (\d+) ssh2(.*)`)
	ended         = regexp.MustCompile(`^(?:Connection closed|Connection reset|Disconnected|Received disconnect|Disconnecting) .* port (\d+)`)
)

// loginSince waits until sshd has logged how the authentication of the next
// connection ended: the key, or "denied".
func (s *site) loginSince(offset int) string {
	s.t.Helper()
	outcome := ""
	err := lab.Eventually(s.t.Context(), "a login is logged", func() (bool, error) {
		log := s.sshd.Log()[offset:]
		port := newConnection.FindStringSubmatch(log)
		if port == nil {
			return false, nil
		}
		for line := range strings.Lines(log) {
			if found := accepted.FindStringSubmatch(line); found != nil && found[1] == port[1] {
				outcome = found[2]
				return true, nil
			}
			if found := ended.FindStringSubmatch(line); found != nil && found[1] == port[1] {
				outcome = "denied"
				return true, nil
			}
		}
		return false, nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return outcome
}

func TestAuthError(t *testing.T) {
	s := newSite(t, lab.SshdConfig{})
	s.authKeys()
	s.write("bad", "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n")
	lines := []string{"User " + strings.TrimSpace(s.run("id", "-un"))}
	for _, name := range []string{"stranger", "missing", "locked", "loose", "bad", "ecdsa"} {
		lines = append(lines, "IdentityFile "+s.path(name))
	}
	lines = append(lines, "PubkeyAcceptedAlgorithms ssh-ed25519", "IdentityAgent "+s.agent())
	// The key that the site adds to every configuration is taken.
	s.key = s.path("plain")
	_, err := s.dial(s.config(lines...))
	var denied *sshconn.AuthError
	if !errors.As(err, &denied) {
		t.Fatalf("got %v", err)
	}
	if !slices.Equal(denied.Methods, []string{"publickey"}) || denied.Agent != sshconn.AgentEmpty || denied.Host != "127.0.0.1" || denied.User == "" || denied.Disconnect != "" {
		t.Errorf("%+v", denied)
	}
	if len(denied.Tried) != 3 || denied.Tried[0].Source != s.path("stranger") || denied.Tried[0].Type != ssh.KeyAlgoED25519 ||
		!strings.HasPrefix(denied.Tried[0].Fingerprint, "SHA256:") || denied.Tried[0].FromAgent {
		t.Errorf("tried %+v", denied.Tried)
	}
	for i, problem := range []string{"", "the passphrase was not given", sshconn.SkipPermissions} {
		if denied.Tried[i].Problem != problem {
			t.Errorf("problem of %s: %q", denied.Tried[i].Source, denied.Tried[i].Problem)
		}
	}
	if !denied.Interactive || denied.Typed {
		t.Errorf("a person could open the locked key: %+v", denied)
	}
	reasons := map[string]string{}
	for _, k := range denied.Skipped {
		reasons[strings.TrimPrefix(k.File, s.dir+"/")] = k.Reason
	}
	want := map[string]string{"missing": sshconn.SkipMissing, "locked": sshconn.SkipEncrypted, "loose": sshconn.SkipPermissions, "bad": sshconn.SkipUnreadable, "ecdsa": sshconn.SkipAlgorithm, "plain": sshconn.SkipAlgorithm}
	for name, reason := range want {
		if reasons[name] != reason {
			t.Errorf("%s skipped as %q, want %q", name, reasons[name], reason)
		}
	}
	if len(reasons) != len(want) {
		t.Errorf("skipped %v", reasons)
	}
	labtest.AsJSON(t, err)
}

func TestAgentAbsent(t *testing.T) {
	s := newSite(t, lab.SshdConfig{})
	s.key = s.newKey("stranger", "ed25519")
	for _, agent := range []string{"none", s.path("no-socket"), s.write("no-listener", "")} {
		_, err := s.dial(s.config("IdentityAgent " + agent))
		if denied := (*sshconn.AuthError)(nil); !errors.As(err, &denied) || denied.Agent != sshconn.AgentAbsent {
			t.Errorf("agent %s: %v", agent, err)
		}
	}
}

// TestTooManyKeys has the server give up before the right key's turn. From 10.6
// on it counts a refused offer only after six (PubkeyAuthOptions max-pk-ok).
func TestTooManyKeys(t *testing.T) {
	s := newSite(t, lab.SshdConfig{Extra: []string{"MaxAuthTries 2"}})
	var keys []string
	for _, name := range strings.Split("abcdefghij", "") {
		keys = append(keys, s.newKey(name, "ed25519"))
	}
	agent := s.agent(keys...)
	_, err := s.dial(s.config("IdentityAgent " + agent))
	denied := &sshconn.AuthError{}
	if !errors.As(err, &denied) || !strings.Contains(denied.Disconnect, "Too many authentication failures") || len(denied.Tried) < 2 {
		t.Errorf("got %v: %+v", err, denied)
	}
}

// TestRefusingAgent has a key first that the agent shows but does not sign with
// (ssh-add -c without anyone to confirm): the next one is tried.
func TestRefusingAgent(t *testing.T) {
	s := newSite(t, lab.SshdConfig{})
	confirm, second := s.newKey("confirm", "ed25519"), s.newKey("second", "ed25519")
	s.authorize(confirm, second)
	agent := s.agent()
	s.sshAdd(agent, "-c", confirm)
	conn, err := s.dial(s.config("IdentityAgent "+agent, "IdentityFile "+second))
	if err != nil {
		t.Fatal(err)
	}
	works(t, conn)
	s.key = confirm
	_, err = s.dial(s.config("IdentityAgent " + agent))
	denied := &sshconn.AuthError{}
	if !errors.As(err, &denied) || len(denied.Tried) != 1 || denied.Tried[0].Problem == "" || !denied.Tried[0].FromAgent {
		t.Errorf("got %v: %+v", err, denied)
	}
}

// TestDestinationConstraint uses a key that the agent gives only to a
// connection bound to this host.
func TestDestinationConstraint(t *testing.T) {
	s := newSite(t, lab.SshdConfig{})
	bound := s.newKey("bound", "ed25519")
	s.authorize(bound)
	s.key = s.newKey("stranger", "ed25519")
	agent := s.agent()
	s.sshAdd(agent, "-h", s.knownName(), "-H", s.path("known_hosts"), bound)
	conn, err := s.dial(s.config("IdentityAgent " + agent))
	if err != nil {
		t.Fatal(err)
	}
	works(t, conn)
}
