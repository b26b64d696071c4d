package explain

import (
	"strings"
	"testing"

	"github.com/mosha-ssh/mosha/internal/keeper/control"
	"github.com/mosha-ssh/mosha/internal/sshconn"
	"github.com/mosha-ssh/mosha/internal/text"
)

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
		words := Questions(control.Inquiry{Prompt: &p})
		if len(words) != 1 {
			t.Fatalf("%s: %d questions", kind, len(words))
		}
		all := words[0].Before + words[0].Text
		if i := strings.IndexFunc(all, func(r rune) bool { return r != '\n' && text.Escape(string(r)) != string(r) }); i >= 0 {
			t.Errorf("%s: %q", kind, all[i:])
		}
		if n := strings.Count(all, "\n"); n > 3*60 {
			t.Errorf("%s: %d lines", kind, n)
		}
		if kind == sshconn.PromptRound && !strings.HasPrefix(words[0].Text, "("+text.Escape(hostile)) {
			t.Errorf("%q does not say who asks", words[0].Text)
		}
	}
}

// TestHostKeyQuestions has ssh's own words, and nothing that a terminal obeys.
func TestHostKeyQuestions(t *testing.T) {
	for _, test := range []struct {
		question sshconn.HostKeyQuestion
		want     string
	}{
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
