//go:build linux

package transport

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/crypto/ssh"

	"github.com/mosha-ssh/mosha/internal/lab"
	"github.com/mosha-ssh/mosha/internal/lab/labtest"
	"github.com/mosha-ssh/mosha/internal/sshconn"
	"github.com/mosha-ssh/mosha/internal/sshconn/native"
)

// TestHostKeyAsSSH lets ssh and Dial meet the same server with the same
// known_hosts, and compares what they make of it, to the line.
func TestHostKeyAsSSH(t *testing.T) {
	t.Parallel()
	s := newSite(t, lab.SshdConfig{HostKeys: []string{"ed25519", "rsa", "ecdsa"}})
	other := newKeyLines(s, "other")
	name := s.knownName()
	host := keyLines(s.hostKeys(""))
	for _, test := range []struct{ name, file, alias string }{
		{"all keys", s.hostKeys(name), ""},
		{"empty", "", ""},
		{"ed25519 only", name + host["ssh-ed25519"], ""},
		{"rsa only", name + host["ssh-rsa"], ""},
		{"ecdsa only", name + host["ecdsa-sha2-nistp256"], ""},
		{"changed ed25519", name + other["ssh-ed25519"], ""},
		{"changed rsa", "# x\n" + name + other["ssh-rsa"], ""},
		{"changed ed25519, true rsa", name + other["ssh-ed25519"] + name + host["ssh-rsa"], ""},
		{"true ed25519 after a changed one", name + other["ssh-ed25519"] + name + host["ssh-ed25519"], ""},
		{"two changed", name + other["ssh-ed25519"] + name + other["ecdsa-sha2-nistp256"], ""},
		{"without port", "127.0.0.1" + host["ssh-ed25519"], ""},
		{"without port, changed", "127.0.0.1" + other["ssh-ed25519"], ""},
		{"wildcard", "[127.0.*]:*" + host["ssh-ed25519"], ""},
		{"negated", "!" + name + ",*" + host["ssh-ed25519"], ""},
		{"revoked", name + host["ssh-ed25519"] + "@revoked *" + host["ssh-ed25519"], ""},
		{"other type revoked", name + host["ssh-rsa"] + "@revoked *" + host["ssh-ed25519"], ""},
		{"junk lines", "junk\n" + name + " ssh-frob AAAA\n\n|1|x|y" + other["ssh-ed25519"] + name + host["ssh-ed25519"], ""},
		{"authority that did not sign", "@cert-authority *" + other["ssh-ed25519"] + name + host["ssh-ed25519"], ""},
		{"authority only", "@cert-authority *" + other["ssh-ed25519"], ""},
		{"alias", "alias" + host["ssh-ed25519"], "Alias"},
		{"alias, entry by address", name + host["ssh-ed25519"], "alias"},
		{"alias changed", "alias" + other["ssh-ed25519"], "alias"},
	} {
		s.write("known_hosts", test.file)
		compareHostKey(t, s, test.name, test.alias)
	}
}

// TestHostCertificateAsSSH does the same for a server with a host certificate.
func TestHostCertificateAsSSH(t *testing.T) {
	t.Parallel()
	s := newSite(t, lab.SshdConfig{Extra: []string{"HostCertificate {dir}/host-cert.pub"}})
	ca := s.newKey("ca", "ed25519")
	s.newKey("ca2", "ecdsa")
	key := s.write("host.pub", strings.TrimPrefix(s.hostKeys(""), " "))
	caLine := " " + s.read("ca.pub")
	name := s.knownName()
	for _, test := range []struct {
		name, file string
		sign       []string // ssh-keygen's
	}{
		{"good", "@cert-authority *" + caLine, []string{"-n", "127.0.0.1"}},
		{"good, by name and port", "@cert-authority " + name + caLine, []string{"-n", "127.0.0.1"}},
		{"good, name without port", "@cert-authority 127.0.0.1" + caLine, []string{"-n", "127.0.0.1"}},
		{"other principal", "@cert-authority *" + caLine, []string{"-n", "elsewhere"}},
		{"expired", "@cert-authority *" + caLine, []string{"-n", "127.0.0.1", "-V", "20200101:20200102"}},
		{"expired, key known", "@cert-authority *" + caLine + s.hostKeys(name), []string{"-n", "127.0.0.1", "-V", "20200101:20200102"}},
		{"other authority", "@cert-authority * " + s.read("ca2.pub"), []string{"-n", "127.0.0.1"}},
		{"no authority, key known", s.hostKeys(name), []string{"-n", "127.0.0.1"}},
		{"authority revoked", "@cert-authority *" + caLine + "@revoked *" + caLine, []string{"-n", "127.0.0.1"}},
		{"authority as a plain key", name + caLine, []string{"-n", "127.0.0.1"}},
	} {
		s.run("ssh-keygen", append([]string{"-q", "-s", ca, "-I", "host", "-h"}, append(test.sign, key)...)...)
		if err := s.sshd.Restart(); err != nil {
			t.Fatal(err)
		}
		s.write("known_hosts", test.file)
		compareHostKey(t, s, test.name, "")
	}
}

// compareHostKey compares the verdicts of ssh and Dial. Neither tries a key, so
// that a host key which is accepted ends in a failed authentication.
func compareHostKey(t *testing.T, s *site, name, alias string) {
	t.Helper()
	lines := []string{"StrictHostKeyChecking yes", "PubkeyAuthentication no"}
	if alias != "" {
		lines = append(lines, "HostKeyAlias "+alias)
	}
	before := s.read("known_hosts")
	want := sshVerdict(t, s, lines)
	cfg := s.config(lines...)
	_, err := native.Dial(t.Context(), cfg, options(cfg))
	got := verdict(err)
	if got == sshconn.KeyCertificate {
		got = sshconn.KeyStrict // ssh says what is wrong with it, and then that the key is not known
	}
	if got != want {
		t.Errorf("%s: Dial: %s (%v), ssh: %s\n%s", name, got, err, want, before)
	}
	if s.read("known_hosts") != before {
		t.Errorf("%s: known_hosts was written", name)
	}
}

func verdict(err error) string {
	var bad *sshconn.HostKeyError
	if denied := (*sshconn.AuthError)(nil); errors.As(err, &denied) {
		return "accepted"
	}
	if !errors.As(err, &bad) {
		return fmt.Sprint(err)
	}
	if bad.Problem == sshconn.KeyChanged {
		return fmt.Sprintf("changed %d", bad.Line)
	}
	return bad.Problem
}

var offending = regexp.MustCompile(`Offending \w+ key in .*:(\d+)`)

func sshVerdict(t *testing.T, s *site, lines []string) string {
	t.Helper()
	args := append(s.ssh(lines...), "-n", "-o", "BatchMode=yes", "-o", "PasswordAuthentication=no", "site", "true")
	out, err := exec.Command(args[0], args[1:]...).CombinedOutput()
	said := string(out)
	switch line := offending.FindStringSubmatch(said); {
	case err == nil, strings.Contains(said, "Permission denied"):
		return "accepted"
	case strings.Contains(said, "was revoked"):
		return sshconn.KeyRevoked
	case line != nil:
		return "changed " + line[1]
	case strings.Contains(said, "key is known for"):
		return sshconn.KeyStrict
	}
	return "ssh: " + said
}

// keyLines returns, by type, the key and the newline of known_hosts lines.
func keyLines(lines string) map[string]string {
	keys := map[string]string{}
	for line := range strings.Lines(lines) {
		if fields := strings.Fields(line); len(fields) > 1 {
			keys[fields[0]] = " " + fields[0] + " " + fields[1] + "\n"
		}
	}
	return keys
}

func newKeyLines(s *site, name string) map[string]string {
	text := ""
	for _, keyType := range []string{"ed25519", "rsa", "ecdsa"} {
		s.newKey(name+keyType, keyType)
		text += s.read(name + keyType + ".pub")
	}
	return keyLines(text)
}

// person answers questions, and keeps them.
type person struct {
	answers []string
	asked   []sshconn.HostKeyQuestion
}

func (p *person) ask(_ context.Context, q sshconn.HostKeyQuestion) (string, error) {
	p.asked = append(p.asked, q)
	return p.answers[len(p.asked)-1], nil
}

func TestQuestion(t *testing.T) {
	t.Parallel()
	s := newSite(t, lab.SshdConfig{})
	key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(strings.TrimPrefix(s.hostKeys(""), " ")))
	if err != nil {
		t.Fatal(err)
	}
	fingerprint := ssh.FingerprintSHA256(key)
	elsewhere := s.hostKeys("elsewhere,10.9.8.7")
	for _, test := range []struct {
		name    string
		answers []string
		problem string // "" if it connects
	}{
		{"yes", []string{"yes"}, ""},
		{"YES with blanks", []string{"  YES\n"}, ""},
		{"fingerprint", []string{fingerprint}, ""},
		{"no", []string{"no"}, sshconn.KeyDeclined},
		{"nothing", []string{""}, sshconn.KeyDeclined},
		{"neither", []string{"y", "SHA256:x", "no"}, sshconn.KeyDeclined},
		{"yes at last", []string{"maybe", "yes"}, ""},
	} {
		s.write("known_hosts", elsewhere)
		p := &person{answers: test.answers}
		cfg := s.config()
		opts := options(cfg)
		opts.Ask = p.ask
		conn, err := native.Dial(t.Context(), cfg, opts)
		if err == nil {
			conn.Close()
			checkAdded(t, s, conn, test.name, elsewhere)
		} else if s.read("known_hosts") != elsewhere {
			t.Errorf("%s: known_hosts was written", test.name)
		}
		if bad := (*sshconn.HostKeyError)(nil); (err == nil) != (test.problem == "") || errors.As(err, &bad) && bad.Problem != test.problem {
			t.Errorf("%s: %v", test.name, err)
		}
		for i, q := range p.asked {
			if q.Host != s.knownName() || q.Address != s.knownName() || q.KeyType != "ED25519" || q.Fingerprint != fingerprint || q.Again != (i > 0) {
				t.Errorf("%s: asked %+v", test.name, q)
			}
			if q.OtherTotal != 1 || q.OtherNames[0].Hosts != "elsewhere,10.9.8.7" || q.OtherNames[0].Line != 1 {
				t.Errorf("%s: other names %+v", test.name, q.OtherNames)
			}
		}
		if len(p.asked) != len(test.answers) {
			t.Errorf("%s: asked %d times", test.name, len(p.asked))
		}
	}
}

// checkAdded wants the new entry below the old ones, a note of it, and that ssh
// takes it.
func checkAdded(t *testing.T, s *site, conn *native.Conn, name, before string) {
	t.Helper()
	after := s.read("known_hosts")
	if !strings.HasPrefix(after, before) || strings.Count(after, "\n") != strings.Count(before, "\n")+1 {
		t.Errorf("%s: known_hosts became %q", name, after)
	}
	want := sshconn.Note{Kind: sshconn.NoteAdded, Host: s.knownName(), KeyType: "ED25519", File: s.path("known_hosts")}
	if len(conn.Facts().Notes) != 1 || conn.Facts().Notes[0] != want {
		t.Errorf("%s: notes %+v, want %+v", name, conn.Facts().Notes, want)
	}
	if got := sshVerdict(t, s, []string{"StrictHostKeyChecking yes", "PubkeyAuthentication no"}); got != "accepted" {
		t.Errorf("%s: ssh afterwards: %s", name, got)
	}
}

func TestStrictHostKeyChecking(t *testing.T) {
	t.Parallel()
	s := newSite(t, lab.SshdConfig{})
	changed := s.knownName() + newKeyLines(s, "other")["ssh-ed25519"]
	for _, test := range []struct {
		lines   []string
		known   string
		problem string
	}{
		{[]string{"StrictHostKeyChecking ask"}, "", sshconn.KeyUnknown},
		{[]string{"StrictHostKeyChecking yes"}, "", sshconn.KeyStrict},
		{[]string{"StrictHostKeyChecking accept-new"}, "", ""},
		{[]string{"StrictHostKeyChecking accept-new", "HashKnownHosts yes"}, "x\n", ""},
		{[]string{"StrictHostKeyChecking no"}, "", ""},
		{[]string{"StrictHostKeyChecking accept-new"}, changed, sshconn.KeyChanged},
	} {
		s.write("known_hosts", test.known)
		conn, err := s.dial(s.config(test.lines...))
		bad := &sshconn.HostKeyError{}
		if errors.As(err, &bad) != (test.problem != "") || bad.Problem != test.problem {
			t.Errorf("%q: %v", test.lines, err)
		}
		if err == nil {
			checkAdded(t, s, conn, strings.Join(test.lines, ","), test.known)
		}
	}
	s.write("known_hosts", "# x\n"+changed)
	conn, err := s.dial(s.config("StrictHostKeyChecking no"))
	if err != nil {
		t.Fatal(err)
	}
	want := sshconn.Note{Kind: sshconn.NoteChanged, Host: s.knownName(), KeyType: "ED25519", File: s.path("known_hosts"), Line: 2}
	if !conn.Facts().Unverified || len(conn.Facts().Notes) != 1 || conn.Facts().Notes[0] != want {
		t.Errorf("a changed key was let pass: unverified %v, notes %+v", conn.Facts().Unverified, conn.Facts().Notes)
	}
}

// TestUntrustedServerGetsNoPassword: a server whose key is let pass although it
// is not the known one may take a key, and nothing that a person types.
func TestUntrustedServerGetsNoPassword(t *testing.T) {
	s := newSite(t, lab.SshdConfig{Extra: []string{"PasswordAuthentication yes", "PubkeyAuthentication no"}})
	prompted := 0
	dial := func() error {
		cfg := s.config("StrictHostKeyChecking no")
		opts := options(cfg)
		opts.Prompt = func(context.Context, sshconn.Prompt) ([][]byte, error) {
			prompted++
			return nil, sshconn.ErrNoAnswer
		}
		_, err := native.Dial(t.Context(), cfg, opts)
		return err
	}
	_ = dial()
	if prompted != 1 {
		t.Fatalf("a trusted server's password was asked for %d times", prompted)
	}
	s.write("known_hosts", s.knownName()+newKeyLines(s, "other")["ssh-ed25519"])
	denied := (*sshconn.AuthError)(nil)
	if err := dial(); !errors.As(err, &denied) || prompted != 1 {
		t.Errorf("%v, asked %d times", err, prompted)
	}
}

// TestAcceptedBefore: a key that a person accepted and that could not be written
// down is not asked about when the connection comes back.
func TestAcceptedBefore(t *testing.T) {
	s := newSite(t, lab.SshdConfig{HostKeys: []string{"ed25519", "rsa"}})
	cfg := s.config("UserKnownHostsFile /dev/null")
	opts := options(cfg)
	opts.Ask = (&person{answers: []string{"yes"}}).ask
	conn, err := native.Dial(t.Context(), cfg, opts)
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	opts.Ask, opts.Accepted = nil, conn.Facts().Accepted
	if conn, err = native.Dial(t.Context(), cfg, opts); err != nil {
		t.Fatalf("not accepted again: %v", err)
	}
	conn.Close()
	if conn.Facts().Accepted == nil {
		t.Error("the third connection would ask again")
	}
	_, err = native.Dial(t.Context(), s.config("UserKnownHostsFile /dev/null", "HostKeyAlgorithms rsa-sha2-512"), opts)
	if bad := (*sshconn.HostKeyError)(nil); !errors.As(err, &bad) || bad.Problem != sshconn.KeyUnknown {
		t.Errorf("another key: %v", err)
	}
	s.write("known_hosts", s.knownName()+newKeyLines(s, "other")["ssh-ed25519"])
	_, err = native.Dial(t.Context(), s.config(), opts)
	if bad := (*sshconn.HostKeyError)(nil); !errors.As(err, &bad) || bad.Problem != sshconn.KeyChanged {
		t.Errorf("the file knows another key: %v", err)
	}
}

func TestKnownHostsCannotBeWritten(t *testing.T) {
	s := newSite(t, lab.SshdConfig{})
	conn, err := s.dial(s.config("StrictHostKeyChecking accept-new", "UserKnownHostsFile /proc/nowhere"))
	if err != nil {
		t.Fatal(err)
	}
	if len(conn.Facts().Notes) != 1 || conn.Facts().Notes[0].Kind != sshconn.NoteNotAdded || conn.Facts().Notes[0].Reason == "" {
		t.Errorf("notes %+v", conn.Facts().Notes)
	}
}

func TestBatchModeDoesNotAsk(t *testing.T) {
	s := newSite(t, lab.SshdConfig{})
	s.write("known_hosts", "")
	cfg := s.config("BatchMode yes")
	opts := options(cfg)
	opts.Ask = (&person{answers: []string{"yes"}}).ask
	_, err := native.Dial(t.Context(), cfg, opts)
	if bad := (*sshconn.HostKeyError)(nil); !errors.As(err, &bad) || bad.Problem != sshconn.KeyUnknown {
		t.Errorf("got %v", err)
	}
}

func TestAskFails(t *testing.T) {
	s := newSite(t, lab.SshdConfig{})
	s.write("known_hosts", "")
	cfg := s.config()
	opts := options(cfg)
	gone := errors.New("terminal gone")
	opts.Ask = func(context.Context, sshconn.HostKeyQuestion) (string, error) { return "", gone }
	labtest.LeavesNothing(t, func() {
		if _, err := native.Dial(t.Context(), cfg, opts); !errors.Is(err, gone) {
			t.Errorf("got %v", err)
		}
	})
}

// TestSlowAnswer has a person who takes longer than ConnectTimeout.
func TestSlowAnswer(t *testing.T) {
	s := newSite(t, lab.SshdConfig{})
	s.write("known_hosts", "")
	cfg := s.config("ConnectTimeout 1")
	opts := options(cfg)
	opts.Ask = func(context.Context, sshconn.HostKeyQuestion) (string, error) {
		time.Sleep(cfg.ConnectTimeout + 100*time.Millisecond)
		return "yes", nil
	}
	conn, err := native.Dial(t.Context(), cfg, opts)
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
}

// TestRekey has the server ask for new keys again and again: the host key is
// looked at once, and the connection goes on.
func TestRekey(t *testing.T) {
	s := newSite(t, lab.SshdConfig{Extra: []string{"RekeyLimit 64K"}})
	s.write("known_hosts", "")
	p := &person{answers: []string{"yes"}}
	cfg := s.config()
	opts := options(cfg)
	opts.Ask = p.ask
	var log syncBuffer
	opts.Log = zerolog.New(&log)
	conn, err := native.Dial(t.Context(), cfg, opts)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	client := ssh.NewClient(conn, conn.NewChannels, conn.Requests)
	session, err := client.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	out, err := session.Output("head -c 1000000 /dev/zero")
	if err != nil || len(out) != 1000000 {
		t.Errorf("%d bytes, %v", len(out), err)
	}
	if n := strings.Count(log.String(), "host key shown again"); n < 2 {
		t.Errorf("%d rekeys", n)
	}
	if len(p.asked) != 1 {
		t.Errorf("asked %d times", len(p.asked))
	}
}

// TestRekeyWithAnotherKey: a server that shows another key in a rekey is not
// talked to any more, whatever StrictHostKeyChecking says.
func TestRekeyWithAnotherKey(t *testing.T) {
	for _, strict := range []string{"accept-new", "no"} {
		var config *ssh.ServerConfig
		to := authServer(t, func(c *ssh.ServerConfig) { c.NoClientAuth, c.RekeyThreshold, config = true, 1<<10, c })
		s := &site{t: t, dir: t.TempDir()}
		cfg := to("StrictHostKeyChecking "+strict, "UserKnownHostsFile "+s.path("known"))
		conn, err := native.Dial(t.Context(), cfg, options(cfg))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		go conn.Serve(func(o sshconn.AgentOffer) { o.Refuse(ssh.Prohibited) }, func(ssh.NewChannel) {})
		_, key, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		other, err := ssh.NewSignerFromKey(key)
		if err != nil {
			t.Fatal(err)
		}
		config.AddHostKey(other) // in the place of the one before
		for conn.RoundTrip() == nil {
		}
		err = conn.Wait()
		if changed := (*sshconn.HostKeyError)(nil); !errors.As(err, &changed) || changed.Problem != sshconn.KeyChanged || changed.File != "" || changed.Fingerprint != ssh.FingerprintSHA256(other.PublicKey()) {
			t.Errorf("%s: the connection ended with %#v", strict, err)
		}
	}
}
