package explain

import (
	"strings"
	"testing"

	"github.com/mosha-ssh/mosha/internal/sshconn"
)

func TestHostKeyWords(t *testing.T) {
	for _, test := range []struct {
		problem string
		line    int
		message string // a part of it
		hint    string
	}{
		{sshconn.KeyChanged, 3, "of box has CHANGED: somebody may be listening in (SHA256:x)", "known is /file:3; if the host was installed anew: ssh-keygen -R 'box'"},
		{sshconn.KeyRevoked, 3, "is revoked in /file:3 (SHA256:x)", ""},
		{sshconn.KeyRevoked, 0, "is revoked in /file (SHA256:x)", ""},
		{sshconn.KeyStrict, 0, "is not known (SHA256:x)", "StrictHostKeyChecking is yes"},
		{sshconn.KeyUnknown, 0, "is not known (SHA256:x)", "on a terminal"},
		{sshconn.KeyUnwritable, 0, "is not known (SHA256:x)", "no UserKnownHostsFile"},
		{sshconn.KeyDeclined, 0, "was not accepted (SHA256:x)", ""},
		{sshconn.KeyShort, 0, "is too short (SHA256:x)", "RequiredRSASize"},
		{sshconn.KeyUncheckable, 0, "cannot be looked up in /file", "RevokedHostKeys"},
		{sshconn.KeySlow, 0, "was not looked up in /file in time", "try again"},
	} {
		f := Error(&sshconn.HostKeyError{
			Problem: test.problem, Host: "box", KeyType: "RSA", Fingerprint: "SHA256:x", File: "/file", Line: test.line,
		})
		if !strings.Contains(f.Message, test.message) || !strings.Contains(f.Hint, test.hint) || f.Code != ExitHostKey {
			t.Errorf("%s: %d, %q, hint %q", test.problem, f.Code, f.Message, f.Hint)
		}
	}
}

// TestOpenConnectionWords: where the key of an open connection is refused, what
// it is refused for and the way out are both named.
func TestOpenConnectionWords(t *testing.T) {
	for problem, words := range map[string][2]string{
		sshconn.KeyChanged:  {"the host key of box has CHANGED: somebody may be listening in (SHA256:x)", "ssh-keygen -R 'box'; a connection is open for other rules"},
		sshconn.KeyStrict:   {"RSA host key of box is not known (SHA256:x)", "StrictHostKeyChecking is yes"},
		sshconn.KeyPassed:   {"host key of box was not the known one when the open connection was made", "a connection is open"},
		sshconn.KeyUnjudged: {"host key of box was not judged by these rules when the open connection was made", "a connection is open"},
	} {
		f := Error(&sshconn.HostKeyError{Problem: problem, Host: "box", KeyType: "RSA", Fingerprint: "SHA256:x", File: "/file", Line: 1, Open: true})
		if f.Message != words[0] || !strings.Contains(f.Hint, words[1]) || !strings.HasSuffix(f.Hint, "mosha stop HOST") || f.Code != ExitHostKey {
			t.Errorf("%s: %d, %q, hint %q", problem, f.Code, f.Message, f.Hint)
		}
	}
}

func TestNoteText(t *testing.T) {
	for _, test := range []struct {
		note sshconn.Note
		want string
	}{
		{sshconn.Note{Kind: sshconn.NoteAdded}, "added the RSA host key of box to /file"},
		{sshconn.Note{Kind: sshconn.NoteNotAdded, Reason: "why"}, "could not add the host key of box to /file: why"},
		{sshconn.Note{Kind: sshconn.NoteChanged, Line: 3}, "WARNING: the RSA host key of box is not the one in /file:3; StrictHostKeyChecking no lets it pass"},
	} {
		test.note.Host, test.note.KeyType, test.note.File = "box", "RSA", "/file"
		if got := Note(test.note); got != test.want {
			t.Errorf("%s: %q, want %q", test.note.Kind, got, test.want)
		}
	}
}
