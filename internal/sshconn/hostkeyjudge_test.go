//go:build linux

package sshconn

import (
	"context"
	"errors"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/mosha-ssh/mosha/internal/lab"
	"github.com/mosha-ssh/mosha/internal/sshconfig"
)

// TestJudge: an open connection is judged as a new one would be, over either
// transport, and what a person said of other files does not count.
func TestJudge(t *testing.T) {
	s := newSite(t, lab.SshdConfig{})
	s.newKey("other", "ed25519")
	empty := "UserKnownHostsFile " + s.write("empty", "")
	wrong := "UserKnownHostsFile " + s.write("wrong", s.knownName()+" "+s.read("other.pub"))
	first := s.config("UserKnownHostsFile /dev/null")
	for _, transport := range []string{TransportNative, TransportOpenSSH} {
		opts := over(t, first, transport)
		opts.Ask = func(context.Context, HostKeyQuestion) (string, error) { return "yes", nil }
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
			"as before, yes":   {[]string{"UserKnownHostsFile /dev/null", "StrictHostKeyChecking yes"}, KeyStrict},
			"known":            {nil, ""},
			"other file":       {[]string{empty}, KeyUnknown},
			"other file, yes":  {[]string{empty, "StrictHostKeyChecking yes"}, KeyStrict},
			"other key":        {[]string{wrong}, KeyChanged},
			"other key, no":    {[]string{wrong, "StrictHostKeyChecking no"}, ""},
			"as before by DNS": {[]string{empty, "VerifyHostKeyDNS yes", "StrictHostKeyChecking yes"}, KeyStrict},
		} {
			_, err := f.Judge(t.Context(), s.config(c.lines...), Options{Accepted: f.Accepted})
			judgedAs(t, transport+", "+name, err, c.want)
		}
		f.ByDNS = true
		_, err = f.Judge(t.Context(), s.config(empty, "VerifyHostKeyDNS yes", "StrictHostKeyChecking yes"), Options{})
		judgedAs(t, "the DNS vouches for it", err, "")
		_, err = f.Judge(t.Context(), s.config(empty, "StrictHostKeyChecking yes"), Options{})
		judgedAs(t, "and is not asked", err, KeyStrict)
		f.Unverified = true
		_, err = f.Judge(t.Context(), s.config(), Options{})
		judgedAs(t, "was let pass, and is known now", err, KeyPassed)
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
	f := Facts{Judged: rules(nil)}
	for name, c := range map[string]struct {
		change func(*sshconfig.Config)
		want   string
	}{
		"the same":      {nil, ""},
		"another user":  {func(c *sshconfig.Config) { c.SetEnv = []string{"A=b"} }, ""},
		"stricter":      {func(c *sshconfig.Config) { c.StrictHostKeyChecking = "yes" }, KeyUnjudged},
		"another file":  {func(c *sshconfig.Config) { c.UserKnownHostsFiles = []string{"/l"} }, KeyUnjudged},
		"global files":  {func(c *sshconfig.Config) { c.GlobalKnownHostsFiles = []string{"/l"} }, KeyUnjudged},
		"revoked":       {func(c *sshconfig.Config) { c.RevokedHostKeys = nil }, KeyUnjudged},
		"command":       {func(c *sshconfig.Config) { c.KnownHostsCommand = "/bin/true" }, KeyUnjudged},
		"authorities":   {func(c *sshconfig.Config) { c.CASignatureAlgorithms = []string{ssh.KeyAlgoED25519} }, KeyUnjudged},
		"Kerberos":      {func(c *sshconfig.Config) { c.GSSAPIKeyExchange = true }, KeyUnjudged},
		"the key's bit": {func(c *sshconfig.Config) { c.RequiredRSASize = 4096 }, KeyUnjudged},
	} {
		_, err := f.Judge(t.Context(), rules(c.change), Options{})
		judgedAs(t, name, err, c.want)
	}
}

func judgedAs(t *testing.T, about string, err error, want string) {
	t.Helper()
	key := (*HostKeyError)(nil)
	if want == "" && err != nil || want != "" && (!errors.As(err, &key) || key.Problem != want || !key.Open) {
		t.Errorf("%s: %#v, want %q", about, err, want)
	}
}
