package main

import (
	"strings"
	"testing"

	"github.com/mosha-ssh/mosha/internal/keeper"
	"github.com/mosha-ssh/mosha/internal/sshconn"
	"github.com/mosha-ssh/mosha/internal/sshconn/knownhosts"
	"github.com/mosha-ssh/mosha/internal/text"
)

func TestHostKeyWords(t *testing.T) {
	address := &sshconn.AddressProblem{Name: "[192.0.2.1]:2222", Status: sshconn.AddressUnchanged, File: "/known", Line: 7}
	for _, test := range []struct {
		problem string
		address *sshconn.AddressProblem
		line    int
		message string // a part of it
		hint    string
	}{
		{sshconn.KeyChanged, nil, 3, "of box has CHANGED: somebody may be listening in (SHA256:x)", "known is /file:3; if the host was installed anew: ssh-keygen -R 'box'"},
		{sshconn.KeyChanged, address, 3, "; the key for its address [192.0.2.1]:2222 is unchanged (/known:7): its name may have been made to lead elsewhere", "ssh-keygen -R"},
		{sshconn.KeyChanged, &sshconn.AddressProblem{Name: "192.0.2.1", Status: sshconn.AddressUnknown}, 3, "its address 192.0.2.1 is unknown: its name", ""},
		{sshconn.KeyRevoked, nil, 3, "is revoked in /file:3 (SHA256:x)", ""},
		{sshconn.KeyRevoked, nil, 0, "is revoked in /file (SHA256:x)", ""},
		{sshconn.KeyAddress, address, 3, "differs from the key for the IP address [192.0.2.1]:2222 (/known:7) (SHA256:x)", "ssh-keygen -R '[192.0.2.1]:2222'"},
		{sshconn.KeyStrict, nil, 0, "is not known (SHA256:x)", "StrictHostKeyChecking is yes"},
		{sshconn.KeyUnknown, nil, 0, "is not known (SHA256:x)", "on a terminal"},
		{sshconn.KeyUnwritable, nil, 0, "is not known (SHA256:x)", "no UserKnownHostsFile"},
		{sshconn.KeyDeclined, nil, 0, "was not accepted (SHA256:x)", ""},
		{sshconn.KeyShort, nil, 0, "is too short (SHA256:x)", "RequiredRSASize"},
		{sshconn.KeyUncheckable, nil, 0, "cannot be looked up in /file", "RevokedHostKeys"},
	} {
		e := explain(&sshconn.HostKeyError{
			Problem: test.problem, Host: "box", KeyType: "RSA", Fingerprint: "SHA256:x", File: "/file", Line: test.line, Address: test.address,
		})
		if !strings.Contains(e.message, test.message) || !strings.Contains(e.hint, test.hint) || e.code != exitHostKey {
			t.Errorf("%s: %d, %q, hint %q", test.problem, e.code, e.message, e.hint)
		}
	}
}

// TestOpenConnectionWords: where the key of an open connection is refused, what it
// is refused for and the way out are both named.
func TestOpenConnectionWords(t *testing.T) {
	for problem, words := range map[string][2]string{
		sshconn.KeyChanged:  {"the host key of box has CHANGED: somebody may be listening in (SHA256:x)", "ssh-keygen -R 'box'; a connection is open for other rules"},
		sshconn.KeyStrict:   {"RSA host key of box is not known (SHA256:x)", "StrictHostKeyChecking is yes"},
		sshconn.KeyPassed:   {"host key of box was not the known one when the open connection was made", "a connection is open"},
		sshconn.KeyUnjudged: {"host key of box was not seen when the open connection was made", "a connection is open"},
	} {
		e := explain(&sshconn.HostKeyError{Problem: problem, Host: "box", KeyType: "RSA", Fingerprint: "SHA256:x", File: "/file", Line: 1, Open: true})
		if e.message != words[0] || !strings.Contains(e.hint, words[1]) || !strings.HasSuffix(e.hint, "mosha stop HOST") || e.code != exitHostKey {
			t.Errorf("%s: %d, %q, hint %q", problem, e.code, e.message, e.hint)
		}
	}
}

func TestNoteText(t *testing.T) {
	for _, test := range []struct {
		note sshconn.Note
		want string
	}{
		{sshconn.Note{Kind: sshconn.NoteAdded}, "added the RSA host key of box to /file"},
		{sshconn.Note{Kind: sshconn.NoteAdded, Address: "192.0.2.1"}, "added the RSA host key of box (192.0.2.1) to /file"},
		{sshconn.Note{Kind: sshconn.NoteNotAdded, Reason: "why"}, "could not add the host key of box to /file: why"},
		{sshconn.Note{Kind: sshconn.NoteChanged, Line: 3}, "WARNING: the RSA host key of box is not the one in /file:3; StrictHostKeyChecking no lets it pass"},
		{sshconn.Note{Kind: sshconn.NoteAddress, Address: "192.0.2.1", Line: 3}, "warning: the RSA host key of box (192.0.2.1) is not the one that /file:3 has for the address"},
	} {
		test.note.Host, test.note.KeyType, test.note.File = "box", "RSA", "/file"
		if got := noteText(test.note); got != test.want {
			t.Errorf("%s: %q, want %q", test.note.Kind, got, test.want)
		}
	}
}

// TestHostKeyQuestions has ssh's own words, and nothing that a terminal obeys.
func TestHostKeyQuestions(t *testing.T) {
	for _, test := range []struct {
		question keeper.Question
		want     string
	}{
		{keeper.Question{Kind: sshconn.AskAddress, Host: "box", Address: "192.0.2.1", KeyType: "RSA",
			Offended: knownhosts.Found{File: "/a", Line: 1}, Known: knownhosts.Found{File: "/b", Line: 2}},
			"Warning: the RSA host key for 'box' differs from the key for the IP address '192.0.2.1'\n" +
				"Offending key for IP in /a:1\nMatching host key in /b:2\nAre you sure you want to continue connecting (yes/no)? "},
		{keeper.Question{Kind: sshconn.AskAddress, Again: true}, "Please type 'yes' or 'no': "},
		{keeper.Question{Kind: sshconn.AskUpdate, Learned: []sshconn.KeyName{{Type: "RSA\x1b[2J", Fingerprint: "SHA256:x"}}, Removed: []sshconn.KeyName{{Type: "ECDSA", Fingerprint: "SHA256:y"}}},
			"The server has updated its host keys.\nThese changes were verified by the server's existing trusted key.\n" +
				"Learned new hostkey: RSA" + text.Escape("\x1b[2J") + " SHA256:x\nDeprecating obsolete hostkey: ECDSA SHA256:y\nAccept updated hostkeys? (yes/no): "},
		{keeper.Question{Kind: sshconn.AskUpdate, Again: true}, "Please enter \"yes\" or \"no\": "},
	} {
		if got := hostKeyText(test.question); got != test.want || strings.Contains(got, "\x1b") {
			t.Errorf("asked %q, want %q", got, test.want)
		}
	}
}
