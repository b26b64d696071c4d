package explain

import (
	"errors"
	"fmt"
	"strings"

	"github.com/mosha-ssh/mosha/internal/doctor"
	"github.com/mosha-ssh/mosha/internal/remotesh"
)

// adviceDotfiles is about start-up files on the remote.
func adviceDotfiles(c doctor.Check, host string) Failure {
	p := c.Problem
	setUp := "run mosha --setup-only " + host
	switch p.Kind {
	case doctor.NotSetUp:
		return Failure{Message: "not set up: " + p.Subject, Hint: setUp + " (a session does it too)"}
	case doctor.HomeFixed:
		return Failure{Message: "not set up, and the home cannot be written to: " + p.Subject, Hint: "new shells there may not find the agent"}
	case doctor.CannotSetUp:
		cure := "mend the file there, then " + setUp
		if failed := (*remotesh.Error)(nil); errors.As(p.Err, &failed) && failed.Kind == remotesh.NoTools {
			cure = "install that there, then " + setUp
		}
		return Failure{Message: fmt.Sprintf("cannot be set up: %v", oneLine(p.Err)), Hint: cure}
	case doctor.RCIdle:
		return rcIdle(p)
	case doctor.RCUnseen:
		return Failure{Message: "not seen: ~/.ssh/ssh_auth_sock is in use"}
	case doctor.RCDeclines:
		return Failure{Message: "not seen: start-up files change SSH_AUTH_SOCK before it is run"}
	case doctor.ShellUnset, doctor.ShellEmptied, doctor.ShellBeside:
		return shellUnset(p, setUp)
	case doctor.ShellUnknown:
		return Failure{Message: "nothing is set up for " + p.Subject + ": a session has the agent, other logins do not", Hint: "have its start-up files set SSH_AUTH_SOCK to ~/.ssh/ssh_auth_sock"}
	case doctor.ShellOther:
		return Failure{Message: fmt.Sprintf("%s uses an agent of its own there: %s", p.Subject, p.Detail), Hint: "if it should not: look for SSH_AUTH_SOCK and ssh-agent in its start-up files"}
	case doctor.ShellDead:
		return Failure{Message: fmt.Sprintf("the start-up files of %s set SSH_AUTH_SOCK to %s, where no agent is", p.Subject, p.Detail), Hint: "take that out of them"}
	case doctor.ShellSilent:
		return Failure{Message: "the start-up files of " + p.Subject + " do not end", Hint: "look for what waits in them"}
	case doctor.ShellElse:
		return Failure{Message: "not seen: the start-up files of " + p.Subject + " end it or start another program"}
	}
	return Failure{}
}

// shellUnset depends on whether set-up has done its part for the shell.
func shellUnset(p *doctor.Problem, setUp string) Failure {
	a := Failure{Message: p.Subject + " has no SSH_AUTH_SOCK", Hint: setUp}
	switch {
	case p.Kind == doctor.ShellEmptied:
		a.Message += ", although it is set up"
		a.Hint = "look for SSH_AUTH_SOCK in its start-up files, which unset or empty it"
	case p.Kind == doctor.ShellBeside:
		a.Message += ": it is not the login shell, and nothing is set up for it"
		a.Hint = fmt.Sprintf("none is needed if %s starts it; else have its start-up files set SSH_AUTH_SOCK to ~/.ssh/ssh_auth_sock", p.Detail)
	case p.Detail != "":
		a.Hint = "what is said of " + Label(p.Detail) + " comes first"
	}
	return a
}

func rcIdle(p *doctor.Problem) Failure {
	a := Failure{Message: "the server does not run it", Hint: "only ssh -A without mosha suffers" + serverCure(p, "; to mend it: PermitUserRC yes in sshd_config there", "")}
	if p.Subject != "" {
		a.Message += fmt.Sprintf(": %s (%s)", p.Subject, p.Detail)
	}
	return a
}

// oneLine makes one line of joined errors.
func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }
