package hostkey

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/mosha-ssh/mosha/internal/sshconfig"
	"github.com/mosha-ssh/mosha/internal/sshconn"
)

// TestJudgeUnseen: a key that nobody here has seen is good for the rules by which
// ssh took it, and for no others.
func TestJudgeUnseen(t *testing.T) {
	list := filepath.Join(t.TempDir(), "list")
	write := func(text string) {
		if err := os.WriteFile(list, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("one\n")
	rules := func(change func(*sshconfig.Config)) *sshconfig.Config {
		cfg := &sshconfig.Config{HostName: "box", Port: 22, StrictHostKeyChecking: "ask", UserKnownHostsFiles: []string{"/k"}, RevokedHostKeys: []string{list}}
		if change != nil {
			change(cfg)
		}
		return cfg
	}
	f := sshconn.Facts{Judged: rules(nil), RevokedLists: digest([]string{list})}
	for name, c := range map[string]struct {
		change func(*sshconfig.Config)
		want   string
	}{
		"the same":      {nil, ""},
		"another user":  {func(c *sshconfig.Config) { c.SetEnv = []string{"A=b"} }, ""},
		"stricter":      {func(c *sshconfig.Config) { c.StrictHostKeyChecking = "yes" }, sshconn.KeyUnjudged},
		"another file":  {func(c *sshconfig.Config) { c.UserKnownHostsFiles = []string{"/l"} }, sshconn.KeyUnjudged},
		"global files":  {func(c *sshconfig.Config) { c.GlobalKnownHostsFiles = []string{"/l"} }, sshconn.KeyUnjudged},
		"another list":  {func(c *sshconfig.Config) { c.RevokedHostKeys = []string{"/dev/null"} }, sshconn.KeyUnjudged},
		"a lost list":   {func(c *sshconfig.Config) { c.RevokedHostKeys = []string{"/r"} }, sshconn.KeyUnjudged},
		"no list":       {func(c *sshconfig.Config) { c.RevokedHostKeys = nil }, ""},
		"command":       {func(c *sshconfig.Config) { c.KnownHostsCommand = "/bin/true" }, sshconn.KeyUnjudged},
		"authorities":   {func(c *sshconfig.Config) { c.CASignatureAlgorithms = []string{ssh.KeyAlgoED25519} }, sshconn.KeyUnjudged},
		"Kerberos":      {func(c *sshconfig.Config) { c.GSSAPIKeyExchange = true }, sshconn.KeyUnjudged},
		"the key's bit": {func(c *sshconfig.Config) { c.RequiredRSASize = 4096 }, sshconn.KeyUnjudged},
	} {
		_, err := Recheck(t.Context(), f, rules(c.change), sshconn.Options{})
		judgedAs(t, name, err, c.want)
	}
	write("one\ntwo\n")
	_, err := Recheck(t.Context(), f, rules(nil), sshconn.Options{})
	judgedAs(t, "a longer list", err, sshconn.KeyUnjudged)
}

func judgedAs(t *testing.T, about string, err error, want string) {
	t.Helper()
	key := (*sshconn.HostKeyError)(nil)
	if want == "" && err != nil || want != "" && (!errors.As(err, &key) || key.Problem != want || !key.Open) {
		t.Errorf("%s: %#v, want %q", about, err, want)
	}
}
