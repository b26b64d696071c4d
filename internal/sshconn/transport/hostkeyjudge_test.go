//go:build linux

package transport

import (
	"context"
	"errors"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/mosha-ssh/mosha/internal/lab"
	"github.com/mosha-ssh/mosha/internal/sshconfig"
	"github.com/mosha-ssh/mosha/internal/sshconn"
)

// TestJudge: an open connection is judged as a new one would be, over either
// transport, and what a person said of other files does not count.
func TestJudge(t *testing.T) {
	s := newSite(t, lab.SshdConfig{})
	s.newKey("other", "ed25519")
	empty := "UserKnownHostsFile " + s.write("empty", "")
	wrong := "UserKnownHostsFile " + s.write("wrong", s.knownName()+" "+s.read("other.pub"))
	first := s.config("UserKnownHostsFile /dev/null")
	for _, transport := range []string{sshconn.TransportNative, sshconn.TransportOpenSSH} {
		opts := over(t, first, transport)
		opts.Ask = func(context.Context, sshconn.HostKeyQuestion) (string, error) { return "yes", nil }
		conn, err := Open(t.Context(), first, opts)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		f := conn.Facts()
		for name, c := range map[string]struct {
			lines []string
			want  string
		}{
			"as before":        {[]string{"UserKnownHostsFile /dev/null"}, ""},
			"as before, yes":   {[]string{"UserKnownHostsFile /dev/null", "StrictHostKeyChecking yes"}, sshconn.KeyStrict},
			"known":            {nil, ""},
			"other file":       {[]string{empty}, sshconn.KeyUnknown},
			"other file, yes":  {[]string{empty, "StrictHostKeyChecking yes"}, sshconn.KeyStrict},
			"other key":        {[]string{wrong}, sshconn.KeyChanged},
			"other key, no":    {[]string{wrong, "StrictHostKeyChecking no"}, ""},
			"as before by DNS": {[]string{empty, "VerifyHostKeyDNS yes", "StrictHostKeyChecking yes"}, sshconn.KeyStrict},
		} {
			_, err := Judge(t.Context(), f, s.config(c.lines...), sshconn.Options{Accepted: f.Accepted})
			judgedAs(t, transport+", "+name, err, c.want)
		}
		byDNS := []string{empty, "VerifyHostKeyDNS yes", "StrictHostKeyChecking yes"}
		f.BySSH, f.Judged = true, s.config(byDNS...)
		_, err = Judge(t.Context(), f, s.config(byDNS...), sshconn.Options{})
		judgedAs(t, "the DNS vouches for it", err, "")
		_, err = Judge(t.Context(), f, s.config(empty, "VerifyHostKeyDNS yes"), sshconn.Options{})
		judgedAs(t, "by other rules", err, sshconn.KeyUnknown)
		for _, option := range []string{"KnownHostsCommand /bin/true", "RevokedHostKeys /dev/null", "CheckHostIP yes"} {
			_, err = Judge(t.Context(), f, s.config(option), sshconn.Options{})
			judgedAs(t, "only ssh knows: "+option, err, sshconn.KeyUnjudged)
		}
		_, err = Judge(t.Context(), f, s.config(empty, "StrictHostKeyChecking yes"), sshconn.Options{})
		judgedAs(t, "and is not asked", err, sshconn.KeyStrict)
		f.Unverified = true
		_, err = Judge(t.Context(), f, s.config(), sshconn.Options{})
		judgedAs(t, "was let pass, and is known now", err, sshconn.KeyPassed)
	}
}

// TestJudgeUnseen: a key that nobody here has seen is good for the rules by which
// ssh took it, and for no others.
func TestJudgeUnseen(t *testing.T) {
	rules := func(change func(*sshconfig.Config)) *sshconfig.Config {
		cfg := &sshconfig.Config{HostName: "box", Port: 22, StrictHostKeyChecking: "ask", UserKnownHostsFiles: []string{"/k"}, RevokedHostKeys: []string{"/r"}}
		if change != nil {
			change(cfg)
		}
		return cfg
	}
	f := sshconn.Facts{Judged: rules(nil)}
	for name, c := range map[string]struct {
		change func(*sshconfig.Config)
		want   string
	}{
		"the same":      {nil, ""},
		"another user":  {func(c *sshconfig.Config) { c.SetEnv = []string{"A=b"} }, ""},
		"stricter":      {func(c *sshconfig.Config) { c.StrictHostKeyChecking = "yes" }, sshconn.KeyUnjudged},
		"another file":  {func(c *sshconfig.Config) { c.UserKnownHostsFiles = []string{"/l"} }, sshconn.KeyUnjudged},
		"global files":  {func(c *sshconfig.Config) { c.GlobalKnownHostsFiles = []string{"/l"} }, sshconn.KeyUnjudged},
		"revoked":       {func(c *sshconfig.Config) { c.RevokedHostKeys = nil }, sshconn.KeyUnjudged},
		"command":       {func(c *sshconfig.Config) { c.KnownHostsCommand = "/bin/true" }, sshconn.KeyUnjudged},
		"authorities":   {func(c *sshconfig.Config) { c.CASignatureAlgorithms = []string{ssh.KeyAlgoED25519} }, sshconn.KeyUnjudged},
		"Kerberos":      {func(c *sshconfig.Config) { c.GSSAPIKeyExchange = true }, sshconn.KeyUnjudged},
		"the key's bit": {func(c *sshconfig.Config) { c.RequiredRSASize = 4096 }, sshconn.KeyUnjudged},
	} {
		_, err := Judge(t.Context(), f, rules(c.change), sshconn.Options{})
		judgedAs(t, name, err, c.want)
	}
}

func judgedAs(t *testing.T, about string, err error, want string) {
	t.Helper()
	key := (*sshconn.HostKeyError)(nil)
	if want == "" && err != nil || want != "" && (!errors.As(err, &key) || key.Problem != want || !key.Open) {
		t.Errorf("%s: %#v, want %q", about, err, want)
	}
}
