//go:build linux

package transport

import (
	"context"
	"errors"
	"testing"

	"github.com/mosha-ssh/mosha/internal/lab"
	"github.com/mosha-ssh/mosha/internal/sshconn"
	"github.com/mosha-ssh/mosha/internal/sshconn/hostkey"
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
			_, err := hostkey.Recheck(t.Context(), f, s.config(c.lines...), sshconn.Options{Accepted: f.Accepted})
			judgedAs(t, transport+", "+name, err, c.want)
		}
		byDNS := []string{empty, "VerifyHostKeyDNS yes", "StrictHostKeyChecking yes"}
		f.BySSH, f.Judged = true, s.config(byDNS...)
		_, err = hostkey.Recheck(t.Context(), f, s.config(byDNS...), sshconn.Options{})
		judgedAs(t, "the DNS vouches for it", err, "")
		_, err = hostkey.Recheck(t.Context(), f, s.config(empty, "VerifyHostKeyDNS yes"), sshconn.Options{})
		judgedAs(t, "by other rules", err, sshconn.KeyUnknown)
		for _, option := range []string{"KnownHostsCommand /bin/true", "CheckHostIP yes"} {
			_, err = hostkey.Recheck(t.Context(), f, s.config(option), sshconn.Options{})
			judgedAs(t, "only ssh knows: "+option, err, sshconn.KeyUnjudged)
		}
		_, err = hostkey.Recheck(t.Context(), f, s.config(empty, "StrictHostKeyChecking yes"), sshconn.Options{})
		judgedAs(t, "and is not asked", err, sshconn.KeyStrict)
		f.Unverified = true
		_, err = hostkey.Recheck(t.Context(), f, s.config(), sshconn.Options{})
		judgedAs(t, "was let pass, and is known now", err, sshconn.KeyPassed)
	}
}

// TestJudgeByCommand: a key that KnownHostsCommand vouched for is good for
// another launch with that command, and is not written down; for one without it
// is not known.
func TestJudgeByCommand(t *testing.T) {
	s := newSite(t, lab.SshdConfig{})
	printed := s.write("printed", s.hostKeys(s.knownName()))
	for _, strict := range []string{"yes", "ask", "accept-new", "no"} {
		empty := "UserKnownHostsFile " + s.write("empty", "")
		lines := []string{empty, "KnownHostsCommand /bin/cat " + printed, "StrictHostKeyChecking " + strict}
		cfg := s.config(lines...)
		conn, err := Open(t.Context(), cfg, over(t, cfg, sshconn.TransportAuto))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_, err = hostkey.Recheck(t.Context(), conn.Facts(), s.config(lines...), sshconn.Options{})
		judgedAs(t, "the same, "+strict, err, "")
		_, err = hostkey.Recheck(t.Context(), conn.Facts(), s.config(empty, "StrictHostKeyChecking yes"), sshconn.Options{})
		judgedAs(t, "without the command, "+strict, err, sshconn.KeyStrict)
		if known := s.read("empty"); known != "" || conn.Facts().Unverified {
			t.Errorf("%s: known_hosts became %q, %+v", strict, known, conn.Facts())
		}
	}
}

// TestJudgeTakenAsNew: a key that ssh took for a new one is vouched for by nothing,
// although something might have: once the file has another, it is no longer good.
func TestJudgeTakenAsNew(t *testing.T) {
	s := newSite(t, lab.SshdConfig{})
	s.newKey("other", "ed25519")
	for _, option := range []string{"VerifyHostKeyDNS yes", "KnownHostsCommand /bin/true"} {
		for _, file := range []string{s.path("known"), "/dev/null", s.path("id.pub/none")} {
			s.write("known", "")
			lines := []string{"UserKnownHostsFile " + file, option, "StrictHostKeyChecking accept-new"}
			problem, f := problemOf(t, lines, s, nil)
			if problem != "" || f.BySSH {
				t.Fatalf("%s, %s: %q, by ssh: %v", option, file, problem, f.BySSH)
			}
			_, err := hostkey.Recheck(t.Context(), f, s.config(lines...), sshconn.Options{})
			judgedAs(t, "as before, "+option, err, "")
			s.write("known", s.knownName()+" "+s.read("other.pub"))
			if file == s.path("known") {
				_, err = hostkey.Recheck(t.Context(), f, s.config(lines...), sshconn.Options{})
				judgedAs(t, "another is known, "+option, err, sshconn.KeyChanged)
			}
		}
	}
}

func judgedAs(t *testing.T, about string, err error, want string) {
	t.Helper()
	key := (*sshconn.HostKeyError)(nil)
	if want == "" && err != nil || want != "" && (!errors.As(err, &key) || key.Problem != want || !key.Open) {
		t.Errorf("%s: %#v, want %q", about, err, want)
	}
}
