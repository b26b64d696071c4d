//go:build linux

package transport

import (
	"context"
	"crypto/rand"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"strings"
	"testing"

	"github.com/mosha-ssh/mosha/internal/lab"
	"github.com/mosha-ssh/mosha/internal/lab/labtest"
	"github.com/mosha-ssh/mosha/internal/sshconfig"
	"github.com/mosha-ssh/mosha/internal/sshconn"
	"github.com/mosha-ssh/mosha/internal/sshconn/hostkey"
)

// behind is a server that says these lines before the site's sshd says its
// version. It returns the configuration for it: known_hosts are lines for its
// name, which is %s in them.
func (s *site) behind(before, known string, lines ...string) *sshconfig.Config {
	s.t.Helper()
	front := server(s.t, func(c net.Conn) {
		back, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", s.sshd.Port))
		if err != nil {
			s.t.Error(err)
			return
		}
		defer back.Close()
		go func() { _, _ = io.Copy(back, c); back.Close() }()
		_, _ = io.WriteString(c, before)
		_, _ = io.Copy(c, back)
	})
	port := front.(*net.TCPAddr).Port
	file := s.write("known_front", strings.ReplaceAll(known, "%s", fmt.Sprintf("[127.0.0.1]:%d", port)))
	return s.config(append([]string{fmt.Sprintf("Port %d", port), "UserKnownHostsFile " + file}, lines...)...)
}

// TestHostKeyBehindManyWords: what a server says before it shows its key changes
// nothing about what becomes of that key, and what ssh says of it is not looked
// at.
func TestHostKeyBehindManyWords(t *testing.T) {
	s := newSite(t, lab.SshdConfig{Extra: []string{"KexAlgorithms sntrup761x25519-sha512@openssh.com"}})
	s.newKey("other", "ed25519")
	changed, revoked := "%s "+s.read("other.pub"), "@revoked "+s.hostKeys("%s")
	for name, before := range manyWords {
		transport := sshconn.TransportOpenSSH
		if strings.HasSuffix(before, "x\r\nx\r\n") {
			transport = sshconn.TransportAuto // the native one comes as far as the key exchange, which it does not know
		}
		for _, strict := range labtest.Rows(2, []string{"no", "ask", "yes", "accept-new"}) {
			t.Run(name+", "+strict, func(t *testing.T) {
				cfg := s.behind(before, revoked, "StrictHostKeyChecking "+strict)
				refusedFor(t, cfg, transport, sshconn.KeyRevoked)
				cfg = s.behind(before, changed, "StrictHostKeyChecking "+strict)
				if strict != "no" {
					refusedFor(t, cfg, transport, sshconn.KeyChanged)
					return
				}
				conn, err := Open(t.Context(), cfg, over(t, cfg, transport))
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
				f := conn.Facts()
				if f.Choice.Transport != sshconn.TransportOpenSSH || !f.Unverified || len(f.Notes) != 1 || f.Notes[0].Kind != sshconn.NoteChanged || f.Notes[0].Line != 1 {
					t.Errorf("%+v", f)
				}
			})
		}
	}
}

// manyWords are what a server may say before its version line.
var manyWords = map[string]string{
	"0 lines": "", "199 lines": lines(199, "x"), "200 lines": lines(200, "x"), "300 lines": lines(300, "x"), "1023 lines": lines(1023, "x"),
	"long lines": lines(100, strings.Repeat("x", 8000)),
	"words of ssh's": lines(20, "Host key verification failed.\r\ndebug1: Server host key: ssh-ed25519 SHA256:x\r\n"+
		"Warning: Permanently added 'x' (ED25519) to the list of known hosts.\r\nAuthenticated to x"),
	"words of no character": lines(250, "\xff\xfe\x1b[2J"),
	"ends with a half":      lines(3, "SSH-"),
}

// TestSSHRefusesBehindManyWords: where ssh is to know more of host keys than the
// files, what a server says before it shows its key hides nothing either: ssh's
// end is the verdict.
func TestSSHRefusesBehindManyWords(t *testing.T) {
	s := newSite(t, lab.SshdConfig{})
	s.newKey("other", "ed25519")
	known, changed := s.hostKeys("%s"), "%s "+s.read("other.pub")
	list := s.write("list", strings.TrimPrefix(s.hostKeys(""), " "))
	for name, before := range manyWords {
		for _, c := range labtest.Rows(3, []struct{ known, option string }{
			{changed, "KnownHostsCommand /bin/true"},
			{changed, "VisualHostKey yes"},
			{changed, "CheckHostIP yes"},
			{"", "RevokedHostKeys " + list},
			{known, "RevokedHostKeys " + list},
			{known, "RevokedHostKeys /nonexistent"},
		}) {
			for _, strict := range labtest.Rows(2, []string{"no", "ask", "yes", "accept-new"}) {
				if strict == "no" && c.option == "VisualHostKey yes" {
					continue // it is let pass
				}
				t.Run(name+", "+c.option+", "+strict, func(t *testing.T) {
					cfg := s.behind(before, c.known, c.option, "StrictHostKeyChecking "+strict)
					opts := over(t, cfg, sshconn.TransportAuto)
					opts.Ask = func(context.Context, sshconn.HostKeyQuestion) (string, error) {
						t.Error("asked")
						return "yes", nil
					}
					_, err := Open(t.Context(), cfg, opts)
					key := (*sshconn.HostKeyError)(nil)
					if !errors.As(err, &key) {
						t.Fatalf("%#v", err)
					}
					if seen := c.known == changed && c.option != "CheckHostIP yes"; seen && key.Problem != sshconn.KeyChanged {
						t.Errorf("%#v", key)
					}
					if got := s.read("known_front"); got != strings.ReplaceAll(c.known, "%s", knownPort(cfg)) {
						t.Errorf("known_hosts became %q", got)
					}
				})
			}
		}
	}
}

func knownPort(cfg *sshconfig.Config) string { return fmt.Sprintf("[127.0.0.1]:%d", cfg.Port) }

func lines(n int, text string) string { return strings.Repeat(text+"\r\n", n) }

// refusedFor expects a host key to be refused, in the words of the native
// transport, and nobody to be asked.
func refusedFor(t *testing.T, cfg *sshconfig.Config, transport, problem string) {
	t.Helper()
	opts := over(t, cfg, transport)
	opts.Ask = func(_ context.Context, q sshconn.HostKeyQuestion) (string, error) {
		t.Errorf("asked %+v", q)
		return "yes", nil
	}
	_, err := Open(t.Context(), cfg, opts)
	key := (*sshconn.HostKeyError)(nil)
	if !errors.As(err, &key) || key.Problem != problem || key.Line != 1 || key.File != cfg.UserKnownHostsFiles[0] || key.Fingerprint == "" {
		t.Errorf("%#v, want %s", err, problem)
	}
}

// TestUnknownHostKeyOverOpenSSH: the question, the files afterwards and
// what a person hears are the same as with the native transport.
func TestUnknownHostKeyOverOpenSSH(t *testing.T) {
	s := newSite(t, lab.SshdConfig{})
	for name, c := range map[string]struct {
		strict, answer string
		want           string
	}{
		"asked":       {"ask", "yes", ""},
		"declined":    {"ask", "no", sshconn.KeyDeclined},
		"fingerprint": {"ask", "", ""},
		"accept-new":  {"accept-new", "?", ""},
		"unchecked":   {"no", "?", ""},
		"strict":      {"yes", "?", sshconn.KeyStrict},
	} {
		for _, file := range []string{"known", "/dev/null"} {
			t.Run(name+" "+file, func(t *testing.T) {
				var seen [2]string
				for i, transport := range []string{sshconn.TransportNative, sshconn.TransportOpenSSH} {
					if file != "/dev/null" {
						s.write("known", "")
						file = s.path("known")
					}
					cfg := s.config("UserKnownHostsFile "+file, "StrictHostKeyChecking "+c.strict, "HashKnownHosts no")
					opts := over(t, cfg, transport)
					opts.Ask = func(_ context.Context, q sshconn.HostKeyQuestion) (string, error) {
						seen[i] += fmt.Sprintf("%+v\n", q)
						if c.answer == "" {
							return q.Fingerprint, nil
						}
						return c.answer, nil
					}
					conn, err := Open(t.Context(), cfg, opts)
					key := (*sshconn.HostKeyError)(nil)
					if c.want == "" && err != nil || c.want != "" && (!errors.As(err, &key) || key.Problem != c.want) {
						t.Fatalf("%s: %#v", transport, err)
					}
					if err == nil {
						f := conn.Facts()
						seen[i] += fmt.Sprintf("%+v accepted %v unverified %v", f.Notes, f.Accepted, f.Unverified)
						conn.Close()
					} else {
						seen[i] += essence(err)
					}
					seen[i] += "\n" + s.read("known")
				}
				if seen[0] != seen[1] {
					t.Errorf("native:\n%s\nOpenSSH:\n%s", seen[0], seen[1])
				}
			})
		}
	}
}

// TestKnownByMoreThanAFile: whatever vouches for a key does so over OpenSSH too.
func TestKnownByMoreThanAFile(t *testing.T) {
	s := newSite(t, lab.SshdConfig{HostKeys: []string{"ed25519"}, Extra: []string{"HostCertificate {dir}/host-cert.pub"}})
	ca := s.newKey("ca", "ed25519")
	s.run("ssh-keygen", "-q", "-s", ca, "-I", "host", "-h", "-n", "127.0.0.1", s.write("host.pub", strings.TrimPrefix(s.hostKeys(""), " ")))
	if err := s.sshd.Restart(); err != nil {
		t.Fatal(err)
	}
	byAuthority := s.write("by_ca", "@cert-authority * "+s.read("ca.pub"))
	lapsed := s.write("lapsed", "@revoked * "+s.read("ca.pub")+"@cert-authority * "+s.read("ca.pub"))
	printed := s.write("printed", s.hostKeys(s.knownName()))
	none := s.write("none", "")
	for name, c := range map[string]struct{ line, want string }{
		"authority":         {"UserKnownHostsFile " + byAuthority, ""},
		"revoked authority": {"UserKnownHostsFile " + lapsed, sshconn.KeyRevoked},
		"command":           {"UserKnownHostsFile " + none + "\nKnownHostsCommand /bin/cat " + printed, ""},
		"revoked by it":     {"KnownHostsCommand /bin/cat " + lapsed, sshconn.KeyDisputed},
		"revoked in a list": {"RevokedHostKeys " + s.path("host.pub"), sshconn.KeyRevoked},
		"no such list":      {"RevokedHostKeys " + s.path("no-such-list"), sshconn.KeyUncheckable},
	} {
		for _, strict := range []string{"yes", "no"} {
			t.Run(name+", "+strict, func(t *testing.T) {
				cfg := s.config(c.line, "StrictHostKeyChecking "+strict)
				conn, err := Open(t.Context(), cfg, over(t, cfg, sshconn.TransportOpenSSH))
				key := (*sshconn.HostKeyError)(nil)
				switch {
				case err == nil:
					if conn.Facts().Unverified || c.want != "" {
						t.Errorf("%+v", conn.Facts())
					}
					conn.Close()
				case !errors.As(err, &key) || key.Problem != c.want:
					t.Errorf("%#v, want %q", err, c.want)
				}
			})
		}
	}
}

// TestHostKeyOfAnotherKind: a key that only OpenSSH can read is judged by its
// bytes.
func TestHostKeyOfAnotherKind(t *testing.T) {
	private, public := largeExponent(t)
	_, other := largeExponent(t)
	s := newSite(t, lab.SshdConfig{Extra: []string{"HostKey " + private, "HostKeyAlgorithms rsa-sha2-512"}})
	for name, c := range map[string]struct{ known, line, want string }{
		"known":           {"%s " + public, "", ""},
		"changed":         {"%s " + other, "", sshconn.KeyChanged},
		"changed, passes": {"%s " + other, "StrictHostKeyChecking no", "unverified"},
		"revoked":         {"@revoked %s " + public, "StrictHostKeyChecking no", sshconn.KeyRevoked},
		"unknown":         {"", "", sshconn.KeyStrict},
		"too short":       {"%s " + public, "RequiredRSASize 4096", sshconn.KeyShort},
	} {
		t.Run(name, func(t *testing.T) {
			known := s.write("known", strings.ReplaceAll(c.known, "%s", s.knownName())+"\n")
			cfg := s.config(c.line, "StrictHostKeyChecking yes", "UserKnownHostsFile "+known)
			conn, err := Open(t.Context(), cfg, over(t, cfg, sshconn.TransportOpenSSH))
			got := ""
			if key := (*sshconn.HostKeyError)(nil); errors.As(err, &key) {
				got = key.Problem
			} else if err != nil {
				t.Fatal(err)
			} else {
				if conn.Facts().Unverified {
					got = "unverified"
				}
				conn.Close()
			}
			if got != c.want {
				t.Errorf("%q, %v; want %q", got, err, c.want)
			}
		})
	}
}

// largeExponent makes an RSA key with an exponent of more than 24 bits.
func largeExponent(t *testing.T) (private, public string) {
	t.Helper()
	s := &site{t: t, dir: t.TempDir()}
	one, e := big.NewInt(1), big.NewInt(1<<32+15)
	for {
		p, err1 := rand.Prime(rand.Reader, 1024)
		q, err2 := rand.Prime(rand.Reader, 1024)
		if err := errors.Join(err1, err2); err != nil {
			t.Fatal(err)
		}
		p1, q1 := new(big.Int).Sub(p, one), new(big.Int).Sub(q, one)
		d := new(big.Int).ModInverse(e, new(big.Int).Mul(p1, q1))
		if d == nil {
			continue
		}
		der, err := asn1.Marshal(struct{ V, N, E, D, P, Q, DP, DQ, QI *big.Int }{
			new(big.Int), new(big.Int).Mul(p, q), e, d, p, q, new(big.Int).Mod(d, p1), new(big.Int).Mod(d, q1), new(big.Int).ModInverse(q, p),
		})
		if err != nil {
			t.Fatal(err)
		}
		private = s.write("large", string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: der})))
		return private, strings.TrimSpace(s.run("ssh-keygen", "-y", "-f", private))
	}
}

// TestHostKeyLeftToSSH: with VerifyHostKeyDNS yes, and with KnownHostsCommand,
// ssh decides about what no file vouches for. Here neither says anything, and
// it asks or refuses.
func TestHostKeyLeftToSSH(t *testing.T) {
	s := newSite(t, lab.SshdConfig{})
	s.newKey("other", "ed25519")
	other := s.knownName() + " " + s.read("other.pub")
	for name, c := range map[string]struct{ strict, known, answer, want string }{
		"known":           {"yes", s.hostKeys(s.knownName()), "", ""},
		"asked":           {"ask", "", "yes", ""},
		"declined":        {"ask", "", "no", sshconn.KeyDeclined},
		"nobody to ask":   {"ask", "", "", sshconn.KeyUnknown},
		"strict":          {"yes", "", "", sshconn.KeyStrict},
		"new":             {"accept-new", "", "", ""},
		"changed":         {"ask", other, "yes", sshconn.KeyChanged},
		"changed, new":    {"accept-new", other, "", sshconn.KeyChanged},
		"changed, passes": {"no", other, "", "unverified"},
		"revoked":         {"no", "@revoked " + s.hostKeys(s.knownName()), "", sshconn.KeyRevoked},
	} {
		for _, option := range []string{"VerifyHostKeyDNS yes", "KnownHostsCommand /bin/true", "VisualHostKey yes"} {
			want := c.want
			if want == "unverified" && option == "KnownHostsCommand /bin/true" {
				want = sshconn.KeyChanged // the command may know of the change, so that none is let pass
			}
			t.Run(name+", "+option, func(t *testing.T) {
				cfg := s.config(option, "StrictHostKeyChecking "+c.strict, "UserKnownHostsFile "+s.write("known", c.known), "HashKnownHosts no")
				opts := over(t, cfg, sshconn.TransportAuto)
				var asked sshconn.HostKeyQuestion
				if c.answer != "" {
					opts.Ask = func(_ context.Context, q sshconn.HostKeyQuestion) (string, error) { asked = q; return c.answer, nil }
				}
				conn, err := Open(t.Context(), cfg, opts)
				if got := leftVerdict(t, conn, err, c.answer); got != want {
					t.Errorf("%q, %v; want %q", got, err, want)
				}
				hostKey := strings.Join(strings.Fields(s.hostKeys(s.knownName()))[:3], " ")
				if knows := strings.HasPrefix(s.read("known"), hostKey); knows != (err == nil && want == "") {
					t.Errorf("the file has %q", s.read("known"))
				}
				if drawn := strings.HasPrefix(asked.Art, "+--[ED25519 256]"); drawn != (asked.Host != "" && option == "VisualHostKey yes") {
					t.Errorf("asked %+v", asked)
				}
			})
		}
	}
}

// leftVerdict is what became of the host key: "" if it was accepted.
func leftVerdict(t *testing.T, conn sshconn.Connection, err error, answer string) string {
	t.Helper()
	if key := (*sshconn.HostKeyError)(nil); errors.As(err, &key) {
		return key.Problem
	}
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	f := conn.Facts()
	if f.Unverified {
		return "unverified"
	}
	if f.HostKey == nil || (f.Accepted != nil) != (answer == "yes") {
		t.Errorf("%+v", f)
	}
	return ""
}

// TestHostKeyOptionsFailClosed: without OpenSSH there is no connection past an
// option that only it heeds.
func TestHostKeyOptionsFailClosed(t *testing.T) {
	addr := server(t, untilClosed).(*net.TCPAddr)
	for option, cfg := range map[string]sshconfig.Config{
		"KnownHostsCommand": {KnownHostsCommand: "/bin/true"},
		"RevokedHostKeys":   {RevokedHostKeys: []string{"/revoked"}},
		"CheckHostIP":       {CheckHostIP: true},
		"VisualHostKey":     {VisualHostKey: true},
	} {
		for _, transport := range []string{sshconn.TransportAuto, sshconn.TransportNative} {
			cfg.HostName, cfg.Port = "127.0.0.1", addr.Port
			_, err := Open(t.Context(), &cfg, sshconn.Options{Choice: sshconn.Choice{Transport: transport}})
			if lacks := (*sshconn.UnsupportedError)(nil); !errors.As(err, &lacks) || lacks.Detail != option {
				t.Errorf("%s, %s: %v", option, transport, err)
			}
		}
	}
	if err := hostkey.Beyond(&sshconfig.Config{CheckHostIP: true, ProxyJump: "hop"}); err != nil {
		t.Errorf("ssh does not compare addresses behind a proxy: %v", err)
	}
}
