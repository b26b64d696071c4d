package explain

import (
	"errors"
	"fmt"
	"strings"

	"github.com/mosha-ssh/mosha/internal/sshconn"
)

// keyHints are what to do about a host key, by what is wrong with it.
var keyHints = map[string]string{
	sshconn.KeyStrict:      "StrictHostKeyChecking is yes: add the key to known_hosts yourself",
	sshconn.KeyUnknown:     "start mosha on a terminal, where it can ask",
	sshconn.KeyUnwritable:  "there is no UserKnownHostsFile to add it to, or the host has a name that cannot stand in one",
	sshconn.KeyShort:       "RequiredRSASize in ssh_config says how long it has to be",
	sshconn.KeyDisputed:    "see what it says: ssh HOST",
	sshconn.KeyUnseen:      "take StrictHostKeyChecking no out of the script, or say it after ssh: --ssh=\"... ssh -o StrictHostKeyChecking=no\"",
	sshconn.KeyUncheckable: "RevokedHostKeys names that file; what cannot be looked up is refused",
	sshconn.KeySlow:        "RevokedHostKeys names that file, in which ssh-keygen looks; try again",
}

func hostKey(err error) Failure {
	key, ok := errors.AsType[*sshconn.HostKeyError](err)
	if !ok {
		return Failure{}
	}
	f := Failure{key.Error(), keyHints[key.Problem], ExitHostKey}
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
	case sshconn.KeyStrict, sshconn.KeyUnknown, sshconn.KeyUnwritable, sshconn.KeyShort, sshconn.KeyDisputed:
		f.Message += shown
	}
	if key.Open {
		f.Hint = strings.TrimPrefix(f.Hint+"; a connection is open for other rules: to end it, mosha stop HOST", "; ")
	}
	return f
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

// inPlace names a line of a file, as far as OpenSSH has said it.
func inPlace(file string, line int) string {
	switch {
	case file == "":
		return ""
	case line == 0:
		return " in " + file
	}
	return fmt.Sprintf(" in %s:%d", file, line)
}
