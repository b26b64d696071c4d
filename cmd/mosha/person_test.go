package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/mosha-ssh/mosha/internal/keeper/control"
	"github.com/mosha-ssh/mosha/internal/lab/labtest"
	"github.com/mosha-ssh/mosha/internal/sshconn"
	"github.com/mosha-ssh/mosha/internal/sshconn/knownhosts"
	"github.com/mosha-ssh/mosha/internal/text"
)

// TestAskpassRules is the table of ssh(1), SSH_ASKPASS_REQUIRE.
func TestAskpassRules(t *testing.T) {
	const program = "/bin/true"
	for _, test := range []struct {
		display, require string
		tty              bool
		want             string // tty, the program, or nobody
	}{
		{"", "", true, "tty"}, {"", "", false, "nobody"},
		{":0", "", true, "tty"}, {":0", "", false, program},
		{"", "prefer", true, "tty"}, {"", "prefer", false, "nobody"},
		{":0", "prefer", true, program}, {":0", "prefer", false, program},
		{"", "force", true, program}, {"", "force", false, program}, {"", "FORCE", true, program},
		{":0", "never", true, "tty"}, {":0", "never", false, "nobody"}, {"", "never", false, "nobody"},
		{":0", "rubbish", true, "tty"}, {":0", "rubbish", false, program},
	} {
		for _, name := range []string{"DISPLAY", "WAYLAND_DISPLAY"} {
			env := map[string]string{name: test.display, "SSH_ASKPASS_REQUIRE": test.require, "SSH_ASKPASS": program}
			got, use := askpass(func(name string) string { return env[name] }, func() error {
				if test.tty {
					return nil
				}
				return errNoTTY
			})
			switch {
			case !use:
				got = "tty"
			case got == "":
				got = "nobody"
			}
			if got != test.want {
				t.Errorf("%+v: %s", test, got)
			}
		}
	}
}

func TestRunAskpass(t *testing.T) {
	for script, want := range map[string]string{
		"printf 'word\\nmore\\n'":   "word",
		"printf 'word\\r\\n'":       "word",
		"printf 'no newline'":       "no newline",
		"true":                      "",
		"printf '\\n'":              "",
		"yes x | head -c 3000":      "x",
		"head -c 3000 /dev/zero":    strings.Repeat("\x00", maxTyped),
		"echo word; exit 1":         "-",
		"echo \"$1\"":               "Question: ",
		"echo $SSH_ASKPASS_PROMPT.": ".",
		"kill -9 $$":                "-",
	} {
		got, err := runAskpass(t.Context(), fakeAskpass(t, script), asked{text: "Question: "})
		if want == "-" && (err == nil || got != nil) || want != "-" && (err != nil || string(got) != want) {
			t.Errorf("%s: %q, %v; want %q", script, got, err, want)
		}
	}
	for script, want := range map[string]string{"true": "yes", "echo no": "no", "echo $SSH_ASKPASS_PROMPT": "confirm"} {
		got, err := runAskpass(t.Context(), fakeAskpass(t, script), asked{text: "Question: ", hint: "confirm"})
		if err != nil || string(got) != want {
			t.Errorf("%s: %q, %v; want %q", script, got, err, want)
		}
	}
}

// fakeAskpass writes an askpass program.
func fakeAskpass(t *testing.T, script string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "askpass")
	labtest.Program(t, path, "#!/bin/sh\n"+script+"\n")
	return path
}

// hostile is what a server may say to take over a terminal.
const hostile = "\x1b[2J\x1b]0;title\x07\u202eabc\rover\x00\x9b31m\nme@bank's password: "

// TestHostileWords: no text of a server's reaches the terminal with control
// characters, and no question passes for another's.
func TestHostileWords(t *testing.T) {
	for _, kind := range []string{sshconn.PromptPassphrase, sshconn.PromptPassword, sshconn.PromptRound, sshconn.PromptAddKey, sshconn.PromptWords} {
		p := sshconn.Prompt{
			Kind: kind, User: hostile, Host: hostile, File: hostile, Comment: hostile, Name: hostile, Instruction: hostile,
			Fields: []sshconn.PromptField{{Text: hostile + strings.Repeat("x\n", 500)}},
		}
		words := inquiryWords(control.Inquiry{Prompt: &p})
		if len(words) != 1 {
			t.Fatalf("%s: %d questions", kind, len(words))
		}
		all := words[0].before + words[0].text
		if i := strings.IndexFunc(all, func(r rune) bool { return r != '\n' && text.Escape(string(r)) != string(r) }); i >= 0 {
			t.Errorf("%s: %q", kind, all[i:])
		}
		if n := strings.Count(all, "\n"); n > 3*maxLines {
			t.Errorf("%s: %d lines", kind, n)
		}
		if kind == sshconn.PromptRound && !strings.HasPrefix(words[0].text, "("+text.Escape(hostile)) {
			t.Errorf("%q does not say who asks", words[0].text)
		}
	}
}

func TestLines(t *testing.T) {
	for text, want := range map[string]string{
		"": "", "a": "a\n", "a\n": "a\n", "a\r\nb": "a\nb\n", "a\n\nb\n": "a\n\nb\n", "\ta": "    a\n", "a\rb": `a\rb` + "\n",
	} {
		if got := lines(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// TestHostKeyQuestions has ssh's own words, and nothing that a terminal obeys.
func TestHostKeyQuestions(t *testing.T) {
	for _, test := range []struct {
		question sshconn.HostKeyQuestion
		want     string
	}{
		{sshconn.HostKeyQuestion{Kind: sshconn.AskAddress, Host: "box", Address: "192.0.2.1", KeyType: "RSA",
			Offended: knownhosts.Found{File: "/a", Line: 1}, Known: knownhosts.Found{File: "/b", Line: 2}},
			"Warning: the RSA host key for 'box' differs from the key for the IP address '192.0.2.1'\n" +
				"Offending key for IP in /a:1\nMatching host key in /b:2\nAre you sure you want to continue connecting (yes/no)? "},
		{sshconn.HostKeyQuestion{Kind: sshconn.AskAddress, Again: true}, "Please type 'yes' or 'no': "},
		{sshconn.HostKeyQuestion{Kind: sshconn.AskUpdate, Learned: []sshconn.KeyName{{Type: "RSA\x1b[2J", Fingerprint: "SHA256:x"}}, Removed: []sshconn.KeyName{{Type: "ECDSA", Fingerprint: "SHA256:y"}}},
			"The server has updated its host keys.\nThese changes were verified by the server's existing trusted key.\n" +
				"Learned new hostkey: RSA" + text.Escape("\x1b[2J") + " SHA256:x\nDeprecating obsolete hostkey: ECDSA SHA256:y\nAccept updated hostkeys? (yes/no): "},
		{sshconn.HostKeyQuestion{Kind: sshconn.AskUpdate, Again: true}, "Please enter \"yes\" or \"no\": "},
	} {
		if got := hostKeyText(test.question); got != test.want || strings.Contains(got, "\x1b") {
			t.Errorf("asked %q, want %q", got, test.want)
		}
	}
}
