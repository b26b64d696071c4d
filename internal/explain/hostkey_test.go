package explain

import (
	"strings"
	"testing"

	"github.com/mosha-ssh/mosha/internal/sshconn"
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
		f := Error(&sshconn.HostKeyError{
			Problem: test.problem, Host: "box", KeyType: "RSA", Fingerprint: "SHA256:x", File: "/file", Line: test.line, Address: test.address,
		})
		if !strings.Contains(f.Message, test.message) || !strings.Contains(f.Hint, test.hint) || f.Code != ExitHostKey {
			t.Errorf("%s: %d, %q, hint %q", test.problem, f.Code, f.Message, f.Hint)
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
		{sshconn.Note{Kind: sshconn.NoteAdded, Address: "192.0.2.1"}, "added the RSA host key of box (192.0.2.1) to /file"},
		{sshconn.Note{Kind: sshconn.NoteNotAdded, Reason: "why"}, "could not add the host key of box to /file: why"},
		{sshconn.Note{Kind: sshconn.NoteChanged, Line: 3}, "WARNING: the RSA host key of box is not the one in /file:3; StrictHostKeyChecking no lets it pass"},
		{sshconn.Note{Kind: sshconn.NoteAddress, Address: "192.0.2.1", Line: 3}, "warning: the RSA host key of box (192.0.2.1) is not the one that /file:3 has for the address"},
	} {
		test.note.Host, test.note.KeyType, test.note.File = "box", "RSA", "/file"
		if got := Note(test.note); got != test.want {
			t.Errorf("%s: %q, want %q", test.note.Kind, got, test.want)
		}
	}
}
