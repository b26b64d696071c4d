package bootstrap

import (
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/mosha-ssh/mosha/internal/lab/homes"
	"github.com/mosha-ssh/mosha/internal/lab/labtest"
	"github.com/mosha-ssh/mosha/internal/remotesh"
)

// envCase is a shell in which SSH_AUTH_SOCK is to be right.
type envCase struct {
	name  string
	value string // SSH_AUTH_SOCK before, in the words of rcCase; "empty" for set and empty
	ssh   bool   // in an SSH session
	pane  string // TMUX=... or STY=...
	link  string // what the link leads to
	want  string // SSH_AUTH_SOCK afterwards, at a prompt
	quiet string // and in a shell without one, if that differs
}

var envCases = []envCase{
	{name: "ssh, agent lives", ssh: true, link: "own", want: "link"},
	{name: "ssh, link dead", ssh: true, link: "dead"},
	{name: "ssh, no link", ssh: true},
	{name: "ssh, empty value", value: "empty", ssh: true, link: "own", want: "link"},
	{name: "ssh, empty value, no link", value: "empty", ssh: true, want: "empty"},
	{name: "ssh, dead value", value: "dead", ssh: true, link: "own", want: "link"},
	{name: "ssh, dead value, link dead", value: "dead", ssh: true, link: "dead", want: "dead"},
	{name: "ssh, the link already", value: "link", ssh: true, link: "own", want: "link"},
	{name: "ssh, the link already, dead", value: "link", ssh: true, link: "dead", want: "link"},
	{name: "ssh, the link already, away", value: "link", ssh: true, want: "link"},
	{name: "ssh, forwarded, rc has run", value: "own", ssh: true, link: "own", want: "link", quiet: "own"},
	{name: "ssh, forwarded, rc has not run", value: "own", ssh: true, link: "other", want: "own"},
	{name: "ssh, forwarded, no link", value: "own", ssh: true, want: "own"},
	{name: "ssh, agent of one's own", value: "other", ssh: true, link: "own", want: "other"},
	{name: "ssh, link to another user's", ssh: true, link: "hers"},
	{name: "console, no agent, no link"},
	{name: "console, link to another user's", value: "dead", link: "hers", want: "dead"},
	{name: "console, no agent, link dead", link: "dead"},
	{name: "console, no agent, link lives", link: "own", want: "link", quiet: "none"},
	{name: "console, empty value, link dead", value: "empty", link: "dead", want: "empty"},
	{name: "console, dead value", value: "dead", link: "own", want: "link", quiet: "dead"},
	{name: "console, agent of one's own", value: "other", link: "own", want: "other"},
	{name: "console, dead value, no link", value: "dead", want: "dead"},
	{name: "tmux, no agent, no link", pane: "TMUX=x", want: "link"},
	{name: "tmux by ssh, no agent, no link", pane: "TMUX=x", ssh: true, want: "link"},
	{name: "screen, dead value, link away", pane: "STY=x", value: "dead", link: "dead", want: "link"},
	{name: "tmux, agent of one's own", pane: "TMUX=x", value: "other", link: "own", want: "other"},
	{name: "tmux, forwarded", pane: "TMUX=x", value: "own", link: "own", want: "link", quiet: "own"},
}

const printValue = `sh -c 'echo "[${SSH_AUTH_SOCK-none}]"'`

// way is a way in which a shell starts.
type way struct {
	name   string
	argv   []string // the command to run follows, or comes on its input if typed
	typed  bool
	prompt bool // it is at a prompt
	sshd   bool // it reads a file only if sshd starts it
}

// person is somebody who has a login shell and its start-up files.
type person struct {
	shell string // path or name
	files map[string][]homes.Entry
	usual string // which of the files stand for the others
	ways  []way
	env   []string
}

// usual are the ways of a shell that takes options as sh does and reads the
// same file always.
func usual(shell string) []way {
	return []way{
		{name: "login", argv: []string{shell, "-l", "-c"}},
		{name: "interactive", prompt: true, argv: []string{shell, "-i", "-c"}},
		{name: "interactive login", prompt: true, argv: []string{shell, "-l", "-i", "-c"}},
		{name: "command", argv: []string{shell, "-c"}},
	}
}

// typing are the ways of a csh, which is at a prompt only without a command.
func typing(shell string) []way {
	return []way{
		{name: "command", argv: []string{shell, "-c"}},
		{name: "interactive", prompt: true, typed: true, argv: []string{shell, "-i"}},
		{name: "login", prompt: true, typed: true, argv: []string{"bash", "-c", "exec -a -csh " + shell}},
	}
}

// family are the ways of a shell that reads ~/.profile and what $ENV names.
func family(shell string) []way {
	return []way{
		{name: "login", argv: []string{shell, "-l", "-c"}},
		{name: "interactive", prompt: true, argv: []string{shell, "-i", "-c"}},
		{name: "interactive login", prompt: true, argv: []string{shell, "-l", "-i", "-c"}},
	}
}

var people = map[string]person{
	"bash": {
		shell: "/bin/bash",
		usual: "bash_profile",
		files: map[string][]homes.Entry{
			"none":         {},
			"debian":       {homes.File(".bashrc", debianBashrc), homes.File(".profile", debianProfile)},
			"bash_profile": {homes.File(".bashrc", debianBashrc), homes.File(".bash_profile", "x=1")},
			"function":     {homes.File(".bashrc", debianBashrc), homes.File(".bash_profile", "reload()\n{\n  . ~/.bashrc\n}\n")},
			"strict":       {homes.File(".bashrc", "set -eu\n"), homes.File(".profile", "#!/bin/sh\nset -eu\n")},
		},
		ways: []way{
			{name: "login", argv: []string{"bash", "-lc"}},
			{name: "interactive", prompt: true, argv: []string{"bash", "-ic"}},
			{name: "interactive login", prompt: true, argv: []string{"bash", "-lic"}},
			{name: "ssh command", argv: []string{"bash", "-c"}, sshd: true},
		},
	},
	"zsh": {
		shell: zsh,
		usual: "zshrc",
		files: map[string][]homes.Entry{
			"none":   {},
			"zshrc":  {homes.File(".zshrc", "bindkey -e\n"), homes.File(".zshenv", "path+=(~/bin)")},
			"strict": {homes.File(".zshenv", "setopt nounset errexit shwordsplit ksharrays\n")},
		},
		ways: usual("zsh"),
	},
	"fish": {
		shell: fish,
		usual: "config",
		files: map[string][]homes.Entry{
			"none":   {},
			"config": {homes.File(".config/fish/config.fish", "set -g fish_greeting\n"), homes.File(".config/fish/conf.d/z.fish", "")},
		},
		ways: usual("fish"),
	},
	"tcsh": {
		shell: tcsh,
		usual: "tcshrc",
		files: map[string][]homes.Entry{"none": {}, "tcshrc": {homes.File(".tcshrc", "set noglob noclobber")}},
		ways:  typing("tcsh"),
	},
	"csh": {
		shell: csh,
		usual: "cshrc",
		files: map[string][]homes.Entry{"none": {}, "cshrc": {homes.File(".cshrc", "set noglob noclobber\n")}},
		ways:  typing("csh"),
	},
	"mksh": {
		shell: mksh,
		usual: "strict",
		files: map[string][]homes.Entry{"none": {homes.File(".mkshrc", "")}, "strict": {homes.File(".mkshrc", "set -eu\n"), homes.File(".profile", "set -eu\n")}},
		ways:  family("mksh"),
	},
	"dash": {
		shell: dash,
		usual: "shrc",
		files: map[string][]homes.Entry{"shrc": {homes.File(".shrc", ""), homes.File(".profile", "ENV=~/.shrc; export ENV\n")}},
		ways:  family("dash"),
		env:   []string{"ENV=~/.shrc"},
	},
	"busybox": {
		shell: "/bin/ash",
		usual: "ashrc",
		files: map[string][]homes.Entry{"ashrc": {homes.File(".ashrc", ""), homes.File(".profile", "export ENV=~/.ashrc\n")}},
		ways: []way{
			{name: "login", argv: []string{"busybox", "ash", "-l", "-c"}},
			{name: "interactive", prompt: true, argv: []string{"busybox", "ash", "-i", "-c"}},
		},
		env: []string{"ENV=~/.ashrc"},
	},
}

// TestShells lets every shell say its SSH_AUTH_SOCK.
func TestShells(t *testing.T) {
	t.Parallel()
	for name, p := range people {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			outer := homes.NewLocal(t, homes.Shells[0].Argv, "")
			a := homes.NewAgents(outer)
			a.Start("own")
			a.Start("other")
			a.Anothers("hers")
			for files, entries := range p.files {
				if files != p.usual && !labtest.Whole {
					continue
				}
				t.Run(files, func(t *testing.T) {
					l := outer.Another(t)
					for _, v := range append(p.env, "SHELL="+p.shell) {
						l.Env = append(l.Env, strings.ReplaceAll(v, "~", l.Home))
					}
					l.Lay(entries...)
					setUp(t, l)
					for _, c := range envCases {
						for _, w := range p.ways {
							testEnv(t, l, a, c, w)
						}
					}
				})
			}
		})
	}
}

var said = regexp.MustCompile(`\[(.*)\]`)

// testEnv starts a shell in one way and lets it say its SSH_AUTH_SOCK.
func testEnv(t *testing.T, l *homes.Local, a homes.Agents, c envCase, w way) {
	if w.sshd && !c.ssh {
		return // elsewhere bash -c reads no file
	}
	p := filepath.Join(l.Home, remotesh.LinkPath)
	values := map[string]string{
		"own": a.Dir + "/own", "other": a.Dir + "/other", "dead": a.Dir + "/dead", "link": p, "empty": "", "none": "none",
		"hers": a.Dir + "/hers",
	}
	_ = os.Remove(p)
	if c.link != "" {
		l.Lay(homes.Symlink(remotesh.LinkPath, values[c.link]))
	}
	want := c.want
	if !w.prompt && c.quiet != "" {
		want = c.quiet
	}
	if want == "" {
		want = "none"
	}
	argv := w.argv
	if !w.typed {
		argv = append(slices.Clone(w.argv), printValue)
	}
	shell := l.Command(argv...)
	if w.typed {
		shell.Stdin = strings.NewReader(printValue + "\n")
	}
	if c.value != "" {
		shell.Env = append(shell.Env, "SSH_AUTH_SOCK="+values[c.value])
	}
	if c.ssh {
		shell.Env = append(shell.Env, "SSH_CONNECTION=127.0.0.1 1 127.0.0.1 22", "SSH_CLIENT=127.0.0.1 1 22")
	}
	if c.pane != "" {
		shell.Env = append(shell.Env, c.pane)
	}
	// A shell complains about a prompt without a terminal.
	var complaints strings.Builder
	shell.Stderr = &complaints
	if w.prompt {
		shell.Stderr = io.Discard
	}
	out, err := shell.Output()
	got := said.FindSubmatch(out)
	if err != nil || got == nil || string(got[1]) != values[want] || complaints.Len() > 0 {
		t.Errorf("%s, %s: %q, want %q (%v, %q)", c.name, w.name, out, values[want], err, &complaints)
	}
}

// TestEnvInOtherShells lets a POSIX shell read the block, as it reads
// ~/.profile.
func TestEnvInOtherShells(t *testing.T) {
	t.Parallel()
	homes.EachShell(t, func(t *testing.T, l *homes.Local) {
		a := homes.NewAgents(l)
		own := a.Start("own")
		l.Lay(homes.File("env", envBlock), homes.Symlink(remotesh.LinkPath, own))
		want := "[" + filepath.Join(l.Home, remotesh.LinkPath) + "]\n"
		for _, vars := range [][]string{{"SSH_CONNECTION=x"}, {"SSH_CONNECTION=x", "SSH_AUTH_SOCK=/gone"}} {
			sh := l.Command(append(l.Argv, "-c", "set -eu; . ./env; "+printValue)...)
			sh.Env = append(sh.Env, vars...)
			if out, err := sh.CombinedOutput(); err != nil || string(out) != want {
				t.Errorf("%v: %q, %v; want %q", vars, out, err, want)
			}
		}
		sh := l.Command(append(l.Argv, "-c", "set -eu; . ./env; "+printValue)...)
		if out, err := sh.CombinedOutput(); err != nil || string(out) != "[none]\n" {
			t.Errorf("outside of a session: %q, %v", out, err)
		}
	})
}
