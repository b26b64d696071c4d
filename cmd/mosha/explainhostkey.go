package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/mosha-ssh/mosha/internal/sshconfig"
	"github.com/mosha-ssh/mosha/internal/sshconn"
)

func explainHostKey(err error) (explanation, bool) {
	var key *sshconn.HostKeyError
	var command *sshconn.KnownHostsCommandError
	var malformed *sshconfig.CommandError
	switch {
	case errors.As(err, &key):
		return hostKeyWords(key), true
	case errors.As(err, &command):
		return explanation{command.Error(), "KnownHostsCommand in ssh_config names it", exitHostKey}, true
	case errors.As(err, &malformed):
		return explanation{malformed.Error(), "ssh_config(5) lists the tokens", exitFailure}, true
	}
	return explanation{}, false
}

func hostKeyWords(key *sshconn.HostKeyError) explanation {
	e := explanation{message: key.Error(), code: exitHostKey}
	shown := ""
	if key.Fingerprint != "" {
		shown = fmt.Sprintf(" (%s)", key.Fingerprint)
	}
	switch key.Problem {
	case sshconn.KeyChanged:
		e.message = fmt.Sprintf("the host key of %s has CHANGED: somebody may be listening in%s", key.Host, shown) + addressWords(key.Address)
		if key.File != "" { // else it changed while the connection lasted
			e.hint = fmt.Sprintf("known is %s:%d; if the host was installed anew: ssh-keygen -R '%s'", key.File, key.Line, key.Host)
		}
	case sshconn.KeyRevoked:
		e.message = fmt.Sprintf("the host key of %s is revoked%s%s", key.Host, inPlace(key.File, key.Line), shown)
	case sshconn.KeyDeclined:
		e.message = fmt.Sprintf("the host key of %s was not accepted%s", key.Host, shown)
	case sshconn.KeyStrict:
		e.message += shown
		e.hint = "StrictHostKeyChecking is yes: add the key to known_hosts yourself"
	case sshconn.KeyUnknown:
		e.message += shown
		e.hint = "start mosha on a terminal, where it can ask"
	case sshconn.KeyUnwritable:
		e.message += shown
		e.hint = "there is no UserKnownHostsFile to add it to, or the host has a name that cannot stand in one"
	case sshconn.KeyAddress:
		e.message += shown
		e.hint = fmt.Sprintf("CheckHostIP: if the address is another host's no more: ssh-keygen -R '%s'", key.Address.Name)
	case sshconn.KeyShort:
		e.message += shown
		e.hint = "RequiredRSASize in ssh_config says how long it has to be"
	case sshconn.KeyDisputed:
		e.message += shown
		e.hint = "see what it says: ssh HOST"
	case sshconn.KeyUnseen:
		e.hint = "take StrictHostKeyChecking no out of the script, or say it after ssh: --ssh=\"... ssh -o StrictHostKeyChecking=no\""
	case sshconn.KeyUncheckable:
		e.hint = "RevokedHostKeys names that file; what cannot be looked up is refused"
	}
	if key.Open {
		e.hint = strings.TrimPrefix(e.hint+"; a connection is open for other rules: to end it, mosha stop HOST", "; ")
	}
	return e
}

// addressWords is ssh's warning that a host's name may lead to another machine.
func addressWords(a *sshconn.AddressProblem) string {
	if a == nil {
		return ""
	}
	words := map[string]string{
		sshconn.AddressUnknown:   "is unknown",
		sshconn.AddressUnchanged: "is unchanged",
		sshconn.AddressDiffers:   "is another one",
	}
	text := fmt.Sprintf("; the key for its address %s %s", a.Name, words[a.Status])
	if a.File != "" {
		text += fmt.Sprintf(" (%s)", place(a.File, a.Line))
	}
	return text + ": its name may have been made to lead elsewhere"
}

// place names a line of a file, or a file that has no lines.
func place(file string, line int) string {
	if line == 0 {
		return file
	}
	return fmt.Sprintf("%s:%d", file, line)
}

// noteText says what happened while connecting: of a host key in ssh's words.
func noteText(n sshconn.Note) string {
	host := n.Host
	if n.Address != "" {
		host += " (" + n.Address + ")"
	}
	switch n.Kind {
	case sshconn.NoteTyped:
		return typedText(n)
	case sshconn.NoteAdded:
		return fmt.Sprintf("added the %s host key of %s to %s", n.KeyType, host, n.File)
	case sshconn.NoteChanged:
		return fmt.Sprintf("WARNING: the %s host key of %s is not the one in %s:%d; StrictHostKeyChecking no lets it pass", n.KeyType, host, n.File, n.Line)
	case sshconn.NoteAddress:
		return fmt.Sprintf("warning: the %s host key of %s is not the one that %s:%d has for the address", n.KeyType, host, n.File, n.Line)
	}
	return fmt.Sprintf("could not add the host key of %s to %s: %s", host, n.File, n.Reason)
}

// inPlace is place where OpenSSH may not have said it.
func inPlace(file string, line int) string {
	if file == "" {
		return ""
	}
	return " in " + place(file, line)
}
