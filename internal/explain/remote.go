package explain

import (
	"errors"
	"fmt"
	"strings"

	"github.com/mosha-ssh/mosha/internal/keeper/control"
	"github.com/mosha-ssh/mosha/internal/link"
	"github.com/mosha-ssh/mosha/internal/remotesh"
)

// NoServer is a remote command that ended without mosh-server. Named is what
// --server says, "" if nothing; the code is the remote shell's.
func NoServer(host, named string, code int) *Failure {
	const notFound = 127
	switch {
	case code == notFound && named != "":
		return &Failure{fmt.Sprintf("there is no program %s on %s", named, host), namedPlace, ExitRemote}
	case code == notFound:
		return &Failure{"mosh-server is not installed on " + host, "install the package mosh there, or say where it is with --server", ExitRemote}
	}
	return &Failure{Message: fmt.Sprintf("mosh-server did not start on %s (exit status %d)", host, code), Code: ExitRemote}
}

// BadServer is a mosh-server's start that has printed something that no client
// can use.
func BadServer(host string, err error) *Failure {
	return &Failure{
		fmt.Sprintf("mosh-server on %s cannot be used: %v", host, err),
		"another program there may answer to that name: say where mosh-server is with --server", ExitRemote,
	}
}

// remote is about what a session goes without, and about set-up.
func remote(err error) Failure {
	var setup *control.SetupError
	var forward *link.ForwardError
	var noKeys *control.NoKeysError
	var room *control.RoomError
	f := Failure{Code: ExitRemote}
	switch {
	case errors.As(err, &setup):
		f.Message, f.Hint = setupWords(setup)
	case errors.As(err, &forward):
		f.Message, f.Hint = forwardWords(forward)
	case errors.As(err, &noKeys):
		f.Message, f.Hint = noKeysWords(noKeys), "add one: ssh-add; or unlock it: ssh-add -X"
	case errors.As(err, &room):
		f.Message, f.Hint = "the server opens no more sessions on the connection", roomHint(room)
	default:
		return Failure{}
	}
	return f
}

func roomHint(err *control.RoomError) string {
	if !err.OpenSSH {
		return ""
	}
	return "sshd_config there: MaxSessions"
}

// scriptWords says why no script ran to its end on the remote.
func scriptWords(err error) (message, hint string) {
	var remote *remotesh.Error
	if !errors.As(err, &remote) {
		return err.Error(), ""
	}
	switch remote.Kind {
	case remotesh.NoShell, remotesh.Malformed:
		message = "the login shell there runs no /bin/sh"
		if remote.Kind == remotesh.NoShell && remote.Detail != "" {
			message += fmt.Sprintf(": it says %q", remote.Detail)
		}
		return message, "it may be a restricted one, or a start-up file runs another program: have it do so at a prompt only"
	case remotesh.Noise:
		return "start-up files there print without end", "have them print at a prompt only"
	}
	return strings.TrimPrefix(remote.Error(), "remote shell: "), ""
}

func noKeysWords(err *control.NoKeysError) string {
	if err.Others {
		return "the SSH agent at " + err.Path + " has no keys: sessions have those of the agent of an earlier launch"
	}
	return "the SSH agent at " + err.Path + " has no keys, so the session has none"
}

func forwardWords(err *link.ForwardError) (message, hint string) {
	switch err.Reason {
	case "refused":
		message, hint = "the server forwards no agent, so the session has none", "has your key an option there that forbids it?"
		if err.OpenSSH {
			hint = "sshd_config there: AllowAgentForwarding yes, and no option of your key that forbids it; mosha doctor tells which it is"
		}
		return message, hint
	case "unverified":
		return "the agent is not forwarded, since the host key is not the known one", ""
	case "one session":
		return "the server allows one session on a connection, so mosh works and the agent cannot be kept there", "OpenSSH's sshd and dropbear can do that"
	case "slow":
		return "logging in takes long there: the session will have the agent, and the set-up be made, when that is through", "what do the start-up files of your login shell wait for?"
	case "runtime":
		return "~/.ssh there cannot be written to: sessions find the agent by $XDG_RUNTIME_DIR/ssh_auth_sock, other shells do not", ""
	case "socket":
		return fmt.Sprintf("the session has the agent only until the connection breaks: %v", err.Err), "make ~/.ssh there yours to write to, or have pam_systemd set XDG_RUNTIME_DIR"
	case "link":
		return fmt.Sprintf("the session will not find the agent: %v", err.Err), ""
	}
	words, hint := scriptWords(err.Err)
	return "the session has no agent: " + words, hint
}
