//go:build linux

package transport

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/mosha-ssh/mosha/internal/lab"
	"github.com/mosha-ssh/mosha/internal/sshconn"
	"github.com/mosha-ssh/mosha/internal/sshconn/hostkey"
)

// problemOf connects, closes, and returns why the host key was refused, "" if
// it was not.
func problemOf(t *testing.T, cfg []string, s *site, opts func(*sshconn.Options)) (string, sshconn.Facts) {
	t.Helper()
	config := s.config(cfg...)
	o := over(t, config, sshconn.TransportAuto)
	if opts != nil {
		opts(&o)
	}
	conn, err := Open(t.Context(), config, o)
	if key := (*sshconn.HostKeyError)(nil); errors.As(err, &key) {
		return key.Problem, sshconn.Facts{}
	}
	if err != nil {
		t.Fatalf("%q: %v", cfg, err)
	}
	defer conn.Close()
	return "", conn.Facts()
}

// TestCertificateIsJudgedHere: a certificate that is refused here, and that an
// older ssh would take, is refused with options that need ssh, too. Where the
// plain key is taken instead, it is written down and told, and no line is glued
// to another.
func TestCertificateIsJudgedHere(t *testing.T) {
	s := newSite(t, lab.SshdConfig{HostKeys: []string{"ed25519"}, Extra: []string{"HostCertificate {dir}/host-cert.pub"}})
	ca := s.newKey("ca", "ed25519")
	key := strings.TrimPrefix(s.hostKeys(""), " ")
	s.run("ssh-keygen", "-q", "-s", ca, "-I", "host", "-h", s.write("host.pub", key)) // no principals
	if err := s.sshd.Restart(); err != nil {
		t.Fatal(err)
	}
	byAuthority := "@cert-authority * " + strings.TrimSpace(s.read("ca.pub"))
	for _, option := range []string{"VisualHostKey no", "VisualHostKey yes", "RevokedHostKeys /dev/null", "VerifyHostKeyDNS yes"} {
		for _, strict := range []string{"yes", "ask", "accept-new", "no"} {
			lines := []string{"UserKnownHostsFile " + s.write("by_ca", byAuthority), option, "StrictHostKeyChecking " + strict, "HashKnownHosts no"}
			about := option + ", " + strict
			problem, f := problemOf(t, lines, s, nil)
			if strict == "yes" || strict == "ask" {
				if problem != sshconn.KeyCertificate || s.read("by_ca") != byAuthority {
					t.Errorf("%s: %q, the file became %q", about, problem, s.read("by_ca"))
				}
				continue
			}
			line := s.knownName() + " " + strings.Join(strings.Fields(key)[:2], " ")
			if want := byAuthority + "\n" + line + "\n"; s.read("by_ca") != want {
				t.Errorf("%s: the file became %q, want %q", about, s.read("by_ca"), want)
			}
			if len(f.Notes) != 1 || f.Notes[0].Kind != sshconn.NoteAdded {
				t.Errorf("%s: %q, notes %+v", about, problem, f.Notes)
			}
		}
	}
}

// TestNoLineIsGlued: where ssh writes a key down, a last line without an end
// gets one.
func TestNoLineIsGlued(t *testing.T) {
	s := newSite(t, lab.SshdConfig{HostKeys: []string{"ed25519"}})
	last := "elsewhere " + strings.TrimSpace(s.read("id.pub"))
	for _, option := range []string{"VisualHostKey yes", "KnownHostsCommand /bin/true", "VerifyHostKeyDNS yes", "RevokedHostKeys /dev/null"} {
		for _, strict := range []string{"ask", "accept-new", "no"} {
			lines := []string{"UserKnownHostsFile " + s.write("known", last), option, "StrictHostKeyChecking " + strict, "HashKnownHosts no"}
			problem, f := problemOf(t, lines, s, func(o *sshconn.Options) {
				o.Ask = func(context.Context, sshconn.HostKeyQuestion) (string, error) { return "yes", nil }
			})
			if !strings.HasPrefix(s.read("known"), last+"\n"+s.knownName()+" ssh-ed25519 ") || strings.Count(s.read("known"), "\n") != 2 {
				t.Errorf("%s, %s: %q, the file became %q", option, strict, problem, s.read("known"))
			}
			if len(f.Notes) != 1 || f.Notes[0].Kind != sshconn.NoteAdded {
				t.Errorf("%s, %s: notes %+v", option, strict, f.Notes)
			}
		}
	}
}

// TestRevokedSince: a key that RevokedHostKeys has by now is good for no new
// launch.
func TestRevokedSince(t *testing.T) {
	s := newSite(t, lab.SshdConfig{})
	s.newKey("other", "ed25519")
	list := s.write("list", s.read("other.pub"))
	lines := []string{"RevokedHostKeys " + list, "StrictHostKeyChecking yes"}
	cfg := s.config(lines...)
	conn, err := Open(t.Context(), cfg, over(t, cfg, sshconn.TransportAuto))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	keys := s.write("keys", "# all\n"+strings.TrimPrefix(strings.ReplaceAll(s.hostKeys(""), "\n ", "\n"), " "))
	s.run("ssh-keygen", "-q", "-k", "-f", s.path("krl"), keys)
	s.run("ssh-keygen", "-q", "-k", "-f", s.path("krl_other"), s.path("other.pub"))
	for _, c := range []struct {
		name, text, want string
		line             int
	}{
		{"as before", s.read("other.pub"), "", 0},
		{"none", "", "", 0},
		{"no list of keys", s.hostKeys("box"), sshconn.KeyUncheckable, 0},
		{"listed", s.read("keys"), sshconn.KeyRevoked, 2},
		{"listed after what is none", "junk\n" + s.read("keys"), sshconn.KeyUncheckable, 0},
		{"listed before what is none", s.read("keys") + "junk\n", sshconn.KeyRevoked, 2},
		{"KRL", s.read("krl"), sshconn.KeyRevoked, 0},
		{"KRL of another", s.read("krl_other"), "", 0},
		{"broken KRL", s.read("krl")[:20], sshconn.KeyUncheckable, 0},
	} {
		s.write("list", c.text)
		_, err := hostkey.Recheck(t.Context(), conn.Facts(), s.config(lines...), sshconn.Options{})
		judgedAs(t, c.name, err, c.want)
		if key := (*sshconn.HostKeyError)(nil); errors.As(err, &key) && (key.Line != c.line || key.File != list) {
			t.Errorf("%s: %+v", c.name, key)
		}
		if problem, _ := problemOf(t, lines, s, nil); problem != c.want {
			t.Errorf("%s, a new connection: %q", c.name, problem)
		}
	}
	_, err = hostkey.Recheck(t.Context(), conn.Facts(), s.config("RevokedHostKeys /nonexistent"), sshconn.Options{})
	judgedAs(t, "no such list", err, sshconn.KeyUncheckable)
	_, err = hostkey.Recheck(t.Context(), conn.Facts(), s.config("RevokedHostKeys /dev/null"), sshconn.Options{})
	judgedAs(t, "another list", err, "")
}

// TestRevokedSinceUnseen: where ssh alone sees the key, a list that has grown may have
// it.
func TestRevokedSinceUnseen(t *testing.T) {
	s := newSite(t, lab.SshdConfig{})
	lines := []string{"CheckHostIP yes", "RevokedHostKeys " + s.write("list", "")}
	_, f := problemOf(t, lines, s, nil)
	if f.HostKey != nil {
		t.Fatalf("seen is %v", f.HostKey)
	}
	_, err := hostkey.Recheck(t.Context(), f, s.config(lines...), sshconn.Options{})
	judgedAs(t, "as before", err, "")
	s.write("list", s.read("id.pub"))
	_, err = hostkey.Recheck(t.Context(), f, s.config(lines...), sshconn.Options{})
	judgedAs(t, "a longer list", err, sshconn.KeyUnjudged)
}

// TestAcceptedAndNotWritten: a key that a person accepted and that is in no
// file lets the connection come back where nobody is there.
func TestAcceptedAndNotWritten(t *testing.T) {
	s := newSite(t, lab.SshdConfig{})
	for _, option := range []string{"VisualHostKey yes", "RevokedHostKeys /dev/null", "KnownHostsCommand /bin/true", "VerifyHostKeyDNS yes"} {
		lines := []string{"UserKnownHostsFile /dev/null", option, "StrictHostKeyChecking ask"}
		asked := 0
		_, f := problemOf(t, lines, s, func(o *sshconn.Options) {
			o.Ask = func(context.Context, sshconn.HostKeyQuestion) (string, error) { asked++; return "yes", nil }
		})
		if asked != 1 || f.Accepted == nil {
			t.Errorf("%s: asked %d times, accepted %v", option, asked, f.Accepted)
		}
		for strict, want := range map[string]string{"yes": sshconn.KeyStrict, "ask": "", "accept-new": "", "no": ""} {
			lines[2] = "StrictHostKeyChecking " + strict
			problem, again := problemOf(t, lines, s, func(o *sshconn.Options) { o.Accepted = f.Accepted })
			if problem != want || (again.Accepted != nil) != (want == "") {
				t.Errorf("%s, %s, in the background: %q, accepted %v", option, strict, problem, again.Accepted)
			}
		}
	}
}

// TestLocalhostIsUnchecked: NoHostAuthenticationForLocalhost counts behind a
// relay, and nothing is written down.
func TestLocalhostIsUnchecked(t *testing.T) {
	s := newSite(t, lab.SshdConfig{})
	s.newKey("other", "ed25519")
	for _, option := range []string{"VisualHostKey yes", "RevokedHostKeys /dev/null", "KnownHostsCommand /bin/true", "CheckHostIP yes"} {
		for _, known := range []string{"", s.knownName() + " " + s.read("other.pub")} {
			for _, strict := range []string{"yes", "ask", "accept-new", "no"} {
				s.write("known_hosts", known)
				lines := []string{"NoHostAuthenticationForLocalhost yes", option, "StrictHostKeyChecking " + strict}
				problem, f := problemOf(t, lines, s, nil)
				if problem != "" || f.Unverified || s.read("known_hosts") != known {
					t.Errorf("%s, %s: %q, %+v, known_hosts became %q", option, strict, problem, f.Notes, s.read("known_hosts"))
				}
			}
		}
	}
}

// TestCommandVouchesAgain: what KnownHostsCommand vouched for needs no warning
// later.
func TestCommandVouchesAgain(t *testing.T) {
	s := newSite(t, lab.SshdConfig{})
	s.newKey("other", "ed25519")
	good := s.write("good", s.hostKeys(s.knownName()))
	s.write("known_hosts", s.knownName()+" "+s.read("other.pub"))
	for _, strict := range []string{"ask", "accept-new", "no"} {
		lines := []string{"KnownHostsCommand /bin/cat " + good, "StrictHostKeyChecking " + strict}
		problem, f := problemOf(t, lines, s, nil)
		if problem != "" || len(f.Notes) > 0 || f.Unverified || !f.BySSH {
			t.Fatalf("%s: %q, %+v", strict, problem, f)
		}
		verdict, err := hostkey.Recheck(t.Context(), f, s.config(lines...), sshconn.Options{})
		if err != nil || verdict.Unverified || len(verdict.Notes) > 0 {
			t.Errorf("%s: %+v, %v", strict, verdict, err)
		}
	}
	if _, f := problemOf(t, []string{"StrictHostKeyChecking no"}, s, nil); !f.Unverified {
		t.Errorf("without the command: %+v", f)
	}
}
