package bootstrap

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// envCase is a shell in which SSH_AUTH_SOCK is to be right.
type envCase struct {
	name  string
	value string // SSH_AUTH_SOCK before, in the words of rcCase; "empty" for set and empty
	ssh   bool   // in an SSH session
	link  string // what the link leads to
	want  string // SSH_AUTH_SOCK afterwards, at a prompt
	quiet string // and in a shell without one, if that differs
}

var envCases = []envCase{
	{name: "ssh, agent lives", ssh: true, link: "own", want: "link"},
	{name: "ssh, agent away", ssh: true, link: "dead", want: "link"},
	{name: "ssh, no link yet", ssh: true, want: "link"},
	{name: "ssh, empty value", value: "empty", ssh: true, link: "own", want: "link"},
	{name: "ssh, dead value", value: "dead", ssh: true, link: "own", want: "link"},
	{name: "ssh, the link already", value: "link", ssh: true, link: "own", want: "link"},
	{name: "ssh, the link already, away", value: "link", ssh: true, link: "dead", want: "link"},
	{name: "ssh, forwarded, rc has run", value: "own", ssh: true, link: "own", want: "link", quiet: "own"},
	{name: "ssh, forwarded, rc has not run", value: "own", ssh: true, link: "other", want: "own"},
	{name: "ssh, forwarded, no link", value: "own", ssh: true, want: "own"},
	{name: "ssh, agent of one's own", value: "other", ssh: true, link: "own", want: "other"},
	{name: "console, no agent, no link"},
	{name: "console, no agent, link dead", link: "dead"},
	{name: "console, no agent, link lives", link: "own", want: "link", quiet: "none"},
	{name: "console, empty value, link dead", value: "empty", link: "dead", want: "empty"},
	{name: "console, dead value", value: "dead", link: "own", want: "link", quiet: "dead"},
	{name: "console, agent of one's own", value: "other", link: "own", want: "other"},
	{name: "console, dead value, no link", value: "dead", want: "dead"},
}

const printValue = `printf '%s' "${SSH_AUTH_SOCK-none}"`

// ways are the ways in which bash starts, and whether at a prompt.
var ways = []struct {
	name   string
	prompt bool
	argv   []string
	sshd   bool // as sshd starts it for a command
}{
	{name: "login", argv: []string{"bash", "-lc", printValue}},
	{name: "interactive", prompt: true, argv: []string{"bash", "-ic", printValue}},
	{name: "interactive login", prompt: true, argv: []string{"bash", "-lic", printValue}},
	{name: "ssh command", argv: []string{"bash", "-c", printValue}, sshd: true},
}

// loginFiles are the start-up files that the ways are tried with.
var loginFiles = map[string][]entry{
	"none":         {},
	"debian":       {file(".bashrc", debianBashrc), file(".profile", debianProfile)},
	"bash_profile": {file(".bashrc", debianBashrc), file(".bash_profile", "x=1")},
	"strict":       {file(".bashrc", "set -eu\n"), file(".profile", "#!/bin/sh\nset -eu\n")},
}

func TestBash(t *testing.T) {
	t.Parallel()
	outer := newLocal(t, shells[0].argv, false)
	a := newAgents(outer)
	a.start("own")
	a.start("other")
	for files, entries := range loginFiles {
		t.Run(files, func(t *testing.T) {
			l := outer.another(t)
			l.lay(entries...)
			setUp(t, l)
			for _, c := range envCases {
				testEnv(t, l, a, c)
			}
		})
	}
}

// testEnv starts bash in every way and has it say its SSH_AUTH_SOCK.
func testEnv(t *testing.T, l *local, a agents, c envCase) {
	p := filepath.Join(l.home, LinkPath)
	values := map[string]string{
		"own": a.dir + "/own", "other": a.dir + "/other", "dead": a.dir + "/dead", "link": p, "empty": "", "none": "none",
	}
	_ = os.Remove(p)
	if c.link != "" {
		l.lay(link(LinkPath, values[c.link]))
	}
	for _, w := range ways {
		if w.sshd && !c.ssh {
			continue // elsewhere bash -c reads no file
		}
		want := c.want
		if !w.prompt && c.quiet != "" {
			want = c.quiet
		}
		if want == "" {
			want = "none"
		}
		bash := l.command(w.argv...)
		if c.value != "" {
			bash.Env = append(bash.Env, "SSH_AUTH_SOCK="+values[c.value])
		}
		if c.ssh {
			bash.Env = append(bash.Env, "SSH_CONNECTION=127.0.0.1 1 127.0.0.1 22", "SSH_CLIENT=127.0.0.1 1 22")
		}
		// bash complains about a prompt without a terminal.
		var complaints strings.Builder
		bash.Stderr = &complaints
		if w.prompt {
			bash.Stderr = io.Discard
		}
		out, err := bash.Output()
		if err != nil || string(out) != values[want] || complaints.Len() > 0 {
			t.Errorf("%s, %s: %q, want %q (%v, %q)", c.name, w.name, out, values[want], err, &complaints)
		}
	}
}

// TestEnvInOtherShells has a POSIX shell read the block, as it reads ~/.profile.
func TestEnvInOtherShells(t *testing.T) {
	t.Parallel()
	eachShell(t, func(t *testing.T, l *local) {
		a := newAgents(l)
		own := a.start("own")
		l.lay(file("env", envBlock), link(LinkPath, own))
		want := filepath.Join(l.home, LinkPath)
		for _, vars := range [][]string{{"SSH_CONNECTION=x"}, {"SSH_CONNECTION=x", "SSH_AUTH_SOCK=/gone"}} {
			sh := l.command(append(l.argv, "-c", "set -eu; . ./env; "+printValue)...)
			sh.Env = append(sh.Env, vars...)
			if out, err := sh.CombinedOutput(); err != nil || string(out) != want {
				t.Errorf("%v: %q, %v; want %q", vars, out, err, want)
			}
		}
		sh := l.command(append(l.argv, "-c", "set -eu; . ./env; "+printValue)...)
		if out, err := sh.CombinedOutput(); err != nil || string(out) != "none" {
			t.Errorf("outside of a session: %q, %v", out, err)
		}
	})
}
