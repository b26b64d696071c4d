package explain

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/mosha-ssh/mosha/internal/keeper/control"
	"github.com/mosha-ssh/mosha/internal/sshconn"
)

func auth(err error) Failure {
	var auth *sshconn.AuthError
	var expired *control.ExpiredError
	if errors.As(err, &expired) {
		return Failure{expired.Error(), "log in by ssh once, and set a new one: ssh " + expired.User + "@" + expired.Host, ExitAuth}
	}
	if !errors.As(err, &auth) {
		return Failure{}
	}
	f := Failure{Code: ExitAuth}
	f.Message = fmt.Sprintf("%s did not let you in as %s: ", auth.Host, auth.User)
	switch {
	case auth.Disconnect != "":
		f.Message += auth.Disconnect
	case auth.Expired:
		f.Message += "the password has expired"
	case auth.Typed:
		f.Message += fmt.Sprintf("what was typed was not accepted (the server takes %s)", strings.Join(auth.Methods, ","))
	case len(auth.Tried) == 0 && auth.Interactive:
		f.Message += fmt.Sprintf("what it asks was not answered (the server takes %s)", strings.Join(auth.Methods, ","))
	case len(auth.Tried) == 0:
		f.Message += fmt.Sprintf("no key was tried (the server takes %s)", strings.Join(auth.Methods, ","))
	default:
		f.Message += fmt.Sprintf("none of %s was accepted (the server takes %s)", count(strconv.Itoa(len(auth.Tried)), "key"), strings.Join(auth.Methods, ","))
	}
	f.Hint = authHint(auth)
	return f
}

// authHint names the likeliest cure.
func authHint(e *sshconn.AuthError) string {
	switch {
	case e.Expired:
		return "set a new one: ssh -t " + e.User + "@" + e.Host
	case e.Interactive:
		return "mosha has to ask you something: start it on a terminal, or see to SSH_ASKPASS"
	case e.Typed:
		return ""
	}
	for _, skipped := range e.Skipped {
		switch skipped.Reason {
		case sshconn.SkipEncrypted:
			return skipped.File + " has a passphrase: ssh-add " + skipped.File
		case sshconn.SkipPermissions:
			return skipped.File + " can be read by others: chmod 600 " + skipped.File
		}
	}
	switch e.Agent {
	case sshconn.AgentAbsent:
		return "no SSH agent runs here: eval $(ssh-agent) && ssh-add"
	case sshconn.AgentEmpty:
		return "the agent has no key: ssh-add"
	}
	return "is the right key loaded (ssh-add -l) and in the host's authorized_keys?"
}

// typedText says that the connection cannot come back by itself.
func typedText(n sshconn.Note) string {
	text := "if this connection is lost, it needs you again"
	if n.File != "" {
		text += fmt.Sprintf(", unless an agent has the key: ssh-add %s, or AddKeysToAgent yes in ssh_config", n.File)
	}
	return text
}
