package explain

import (
	"errors"
	"fmt"
	"strings"

	"github.com/mosha-ssh/mosha/internal/sshconn"
)

func hostKey(err error) Failure {
	var key *sshconn.HostKeyError
	if errors.As(err, &key) {
		return hostKeyWords(key)
	}
	return Failure{}
}

func hostKeyWords(key *sshconn.HostKeyError) Failure {
	f := Failure{Message: key.Error(), Code: ExitHostKey}
	shown := ""
	if key.Fingerprint != "" {
		shown = fmt.Sprintf(" (%s)", key.Fingerprint)
	}
	switch key.Problem {
	case sshconn.KeyChanged:
		f.Message = fmt.Sprintf("the host key of %s has CHANGED: somebody may be listening in%s", key.Host, shown)
		if key.File != "" { // else it changed while the connection lasted
			f.Hint = fmt.Sprintf("known is %s:%d; if the host was installed anew: ssh-keygen -R '%s'", key.File, key.Line, key.Host)
		}
	case sshconn.KeyRevoked:
		f.Message = fmt.Sprintf("the host key of %s is revoked%s%s", key.Host, inPlace(key.File, key.Line), shown)
	case sshconn.KeyDeclined:
		f.Message = fmt.Sprintf("the host key of %s was not accepted%s", key.Host, shown)
	case sshconn.KeyStrict:
		f.Message += shown
		f.Hint = "StrictHostKeyChecking is yes: add the key to known_hosts yourself"
	case sshconn.KeyUnknown:
		f.Message += shown
		f.Hint = "start mosha on a terminal, where it can ask"
	case sshconn.KeyUnwritable:
		f.Message += shown
		f.Hint = "there is no UserKnownHostsFile to add it to, or the host has a name that cannot stand in one"
	case sshconn.KeyShort:
		f.Message += shown
		f.Hint = "RequiredRSASize in ssh_config says how long it has to be"
	case sshconn.KeyDisputed:
		f.Message += shown
		f.Hint = "see what it says: ssh HOST"
	case sshconn.KeyUnseen:
		f.Hint = "take StrictHostKeyChecking no out of the script, or say it after ssh: --ssh=\"... ssh -o StrictHostKeyChecking=no\""
	case sshconn.KeyUncheckable:
		f.Hint = "RevokedHostKeys names that file; what cannot be looked up is refused"
	}
	if key.Open {
		f.Hint = strings.TrimPrefix(f.Hint+"; a connection is open for other rules: to end it, mosha stop HOST", "; ")
	}
	return f
}

// place names a line of a file, or a file that has no lines.
func place(file string, line int) string {
	if line == 0 {
		return file
	}
	return fmt.Sprintf("%s:%d", file, line)
}

// Note says what happened while connecting: of a host key in ssh's words.
func Note(n sshconn.Note) string {
	switch n.Kind {
	case sshconn.NoteTyped:
		return typedText(n)
	case sshconn.NoteAdded:
		return fmt.Sprintf("added the %s host key of %s to %s", n.KeyType, n.Host, n.File)
	case sshconn.NoteChanged:
		return fmt.Sprintf("WARNING: the %s host key of %s is not the one in %s:%d; StrictHostKeyChecking no lets it pass", n.KeyType, n.Host, n.File, n.Line)
	}
	return fmt.Sprintf("could not add the host key of %s to %s: %s", n.Host, n.File, n.Reason)
}

// inPlace is place where OpenSSH may not have said it.
func inPlace(file string, line int) string {
	if file == "" {
		return ""
	}
	return " in " + place(file, line)
}
