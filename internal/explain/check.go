package explain

import (
	"fmt"
	"strings"

	"github.com/mosha-ssh/mosha/internal/doctor"
	"github.com/mosha-ssh/mosha/internal/keeper/control"
	"github.com/mosha-ssh/mosha/internal/link"
	"github.com/mosha-ssh/mosha/internal/mosh"
)

// Examined is what the doctor was asked about, as the command line has it.
type Examined struct {
	Host  string
	SSH   string
	Flags mosh.Flags
}

// Check is a check's problem in words: why it is so, what to do about it, and the
// exit code if it fails. A check that is well has none.
func Check(c doctor.Check, of Examined) Failure {
	if c.Problem == nil {
		return Failure{}
	}
	var a Failure
	for _, words := range []func(doctor.Check, string) Failure{adviceHere, adviceBetween, adviceThere, adviceAgent, adviceDotfiles} {
		if a.Message == "" {
			a = words(c, of.Host)
		}
	}
	if a.Code == 0 {
		a.Code = codes[c.Place]
	}
	a.Hint = cureOfGiven(c, of, a.Hint)
	return a
}

// cureOfGiven is the cure where the usual one would name a flag that was given.
func cureOfGiven(c doctor.Check, of Examined, usual string) string {
	switch kind := c.Problem.Kind; {
	case kind == doctor.NotInstalled && c.Place == doctor.There && of.Flags.Server != "",
		kind == doctor.NotInstalled && c.Name == doctor.CheckMoshClient && of.Flags.Client != "",
		kind == doctor.NotInstalled && c.Name == doctor.CheckSSH && of.SSH != "ssh":
		return namedPlace
	case (kind == doctor.UDPSilent || kind == doctor.UDPRefused) && of.Flags.Port != "":
		return "let UDP port " + of.Flags.Port + " through every firewall on the way, or name another with -p"
	}
	return usual
}

// codes are the exit codes by where something failed.
var codes = map[doctor.Place]int{doctor.Here: ExitHere, doctor.Between: ExitNetwork, doctor.There: ExitRemote}

// adviceHere is about this machine.
func adviceHere(c doctor.Check, host string) Failure {
	p := c.Problem
	switch p.Kind {
	case doctor.NotReached:
		return Failure{Message: "not looked at: " + p.Subject + " comes first"}
	case doctor.NoConfig, doctor.NoDirs, doctor.KeeperFails:
		a := Error(p.Err)
		a.Code = ExitHere
		return a
	case doctor.NoConnection:
		return Error(p.Err)
	case doctor.OldVersion:
		return Failure{Message: fmt.Sprintf("%s is version %s; mosha is made for 1.4", p.Subject, p.Detail), Hint: "install a newer mosh"}
	case doctor.Broken:
		return Failure{Message: p.Subject + " does not run: " + p.Detail, Hint: "install the package mosh anew"}
	case doctor.NoAgent:
		return noAgent(p.Subject, p.Detail)
	case doctor.AgentEmpty:
		return Failure{Message: "the agent has no key", Hint: "ssh-add"}
	case doctor.KeeperWaits:
		return Failure{Message: "it waits for you: " + p.Detail, Hint: "mosha reconnect " + host}
	case doctor.KeeperLost:
		return Failure{Message: strings.TrimSuffix("the connection is lost, and another is being tried for: "+p.Detail, ": "), Hint: "mosha log " + host + " says more"}
	}
	return Failure{}
}

// adviceBetween is about the way to the remote.
func adviceBetween(c doctor.Check, host string) Failure {
	p := c.Problem
	switch p.Kind {
	case doctor.WrongFamily:
		return *Family(p.Subject, p.Detail)
	case doctor.NoAddress:
		return Failure{Message: "the server, which is behind a proxy, does not say its address", Hint: "use an SSH server that sets SSH_CONNECTION"}
	case doctor.UDPSilent:
		return Failure{
			Message: fmt.Sprintf("mosh-server runs on port %s of %s, and nothing comes back from there", p.Subject, p.Detail),
			Hint:    "let UDP ports 60000 to 61000 through every firewall on the way, or name one that is open: -p PORT",
		}
	case doctor.UDPRefused:
		return Failure{
			Message: fmt.Sprintf("UDP port %s of %s is rejected by a firewall", p.Subject, p.Detail),
			Hint:    "let UDP ports 60000 to 61000 through, or name one that is open: -p PORT",
		}
	case doctor.UDPFails:
		return Failure{
			Message: fmt.Sprintf("this machine cannot send to UDP port %s of %s: %v", p.Subject, p.Detail, p.Err),
			Hint:    "look at the firewall and the routes of this machine",
		}
	}
	return Failure{}
}

// adviceThere is about the remote's programs.
func adviceThere(c doctor.Check, host string) Failure {
	p := c.Problem
	switch p.Kind {
	case doctor.NotInstalled:
		return notInstalled(c)
	case doctor.NotUTF8:
		return notUTF8(c)
	case doctor.NoRoom:
		return Failure{Message: "the server allows no more sessions on the connection", Hint: serverCure(p, "raise MaxSessions in sshd_config there", "have it allow more")}
	case doctor.OneSession:
		message, hint := forwardWords(&link.ForwardError{Reason: "one session"})
		return Failure{Message: message, Hint: hint}
	case doctor.Lost:
		return Failure{Message: "the connection was lost meanwhile: " + errWords(p.Err), Hint: "run it again; mosha log " + host + " says more", Code: ExitNetwork}
	case doctor.Expired:
		return Error(&control.ExpiredError{User: p.Subject, Host: p.Detail})
	case doctor.NoShell:
		return Failure{
			Message: joined("the server does not run what it is told to%s", instead(p.Detail)),
			Hint:    "look there for a restricted login shell, command= in authorized_keys, " + serverCure(p, "ForceCommand in sshd_config, ", "") + "and start-up files that start something else",
		}
	case doctor.ShellTaken:
		return Failure{
			Message: "a start-up file runs " + p.Subject + " in place of every command, mosh-server's start too",
			Hint:    "have it do so at a prompt only: case $- in *i*) exec " + p.Subject + " -l ;; esac",
		}
	case doctor.Noise:
		return Failure{
			Message: fmt.Sprintf("start-up files print to programs: %q", p.Detail),
			Hint:    "have them print at a prompt only; scp and rsync break on it",
		}
	case doctor.ServerFails:
		return Failure{Message: "mosh-server does not start: " + p.Detail, Hint: "try it there: mosh-server new"}
	}
	return Failure{}
}

func instead(said string) string {
	if said == "" {
		return ": it says nothing"
	}
	return fmt.Sprintf(": it says %q", said)
}

func notInstalled(c doctor.Check) Failure {
	name := c.Problem.Subject
	switch {
	case c.Place == doctor.There:
		return Failure{Message: name + " is not installed there, or not in the PATH of a command", Hint: "install the package mosh there, or say where it is: --server PATH"}
	case c.Name == doctor.CheckSSH:
		return *Missing(name, "openssh-client")
	}
	return *Missing(name, "mosh")
}

// notUTF8 names the variable that counts: setting another one cures nothing.
func notUTF8(c doctor.Check) Failure {
	charmap, setting := c.Problem.Subject, c.Problem.Detail
	name, _, _ := strings.Cut(setting, "=")
	if name == "" {
		name, setting = "LANG", "LANG is not set"
	}
	utf8 := c.Facts["utf8"]
	if c.Place == doctor.There {
		a := Failure{
			Message: fmt.Sprintf("mosh-server finds no UTF-8 locale: its own is %s, and what is set here (%s) is not installed there", charmap, setting),
			Hint:    fmt.Sprintf("export %s=%s here, which is installed there", name, utf8),
		}
		if utf8 == "" {
			a.Hint = "have one made there: localedef -i en_US -f UTF-8 en_US.UTF-8; then export " + name + "=en_US.UTF-8 here"
		}
		return a
	}
	a := Failure{
		Message: fmt.Sprintf("the character set here is %s, not UTF-8 (%s)", charmap, setting),
		Hint:    fmt.Sprintf("export %s=%s", name, utf8),
	}
	if utf8 == "" {
		a.Hint = "install a UTF-8 locale, and have " + name + " name it: `locale -a` shows those that there are"
	}
	return a
}

// adviceAgent is about the agent on the remote.
func adviceAgent(c doctor.Check, host string) Failure {
	p := c.Problem
	switch p.Kind {
	case doctor.NoForwarding:
		return noForwarding(c)
	case doctor.LinkOccupied:
		return Failure{Message: p.Subject + " is there and is no link", Hint: "move it away there"}
	case doctor.LinkDead:
		return Failure{Message: "leads nowhere: " + p.Subject, Hint: "the next session mends it"}
	case doctor.LinkMute:
		return Failure{Message: "leads to " + p.Subject + ", where no agent answers", Hint: "a new session takes it: mosha " + host + "; end what led it there, such as an ssh -A that was begun in a session"}
	case doctor.LinkElsewhere:
		return Failure{Message: "~/.ssh there cannot be written to: a session has the link in $XDG_RUNTIME_DIR"}
	case doctor.LinkNowhere:
		return Failure{
			Message: "~/.ssh there cannot be written to, and there is no $XDG_RUNTIME_DIR: a session has the agent until its connection breaks",
			Hint:    "make ~/.ssh yours to write to there, or have pam_systemd set XDG_RUNTIME_DIR",
		}
	case doctor.AgentHides:
		return Failure{Message: "the agent here shows that machine none of its " + count(p.Subject, "key"), Hint: "add one without ssh-add -h, or with this host named there"}
	case doctor.AgentFails:
		return Failure{Message: joined("the agent does not answer as it should: %s", p.Detail+errWords(p.Err)), Hint: "ssh-add -l"}
	case doctor.Touch:
		return Failure{Message: "not tried: every key has to be touched"}
	case doctor.NoAnswer:
		return Failure{Message: "given up: nobody let the agent sign with " + p.Subject, Hint: "confirm it when the agent asks"}
	case doctor.Refused:
		return Failure{
			Message: fmt.Sprintf("no signature with %s: %s", p.Subject, p.Detail),
			Hint:    "unlock the agent here; if it asks before it signs (ssh-add -c), say yes",
		}
	case doctor.NoTool:
		return Failure{Message: "not tried: " + p.Subject + " is missing there", Hint: "install an OpenSSH client there, 8.1 or newer"}
	}
	return Failure{}
}

func errWords(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func noForwarding(c doctor.Check) Failure {
	p := c.Problem
	switch {
	case strings.HasPrefix(p.Detail, "~"):
		return Failure{
			Message: fmt.Sprintf("your key has the option %s in %s there", p.Subject, p.Detail),
			Hint:    "take it away, or add agent-forwarding behind restrict",
		}
	case p.Subject != "":
		return Failure{
			Message: fmt.Sprintf("the server forwards no agent: %s (%s)", p.Subject, p.Detail),
			Hint:    "have it changed to: AllowAgentForwarding yes",
		}
	}
	a := Failure{Message: "the server forwards no agent"}
	if c.Facts["unreadable"] != "" {
		a.Message += joined(" (its %s cannot be read)", c.Facts["unreadable"])
	}
	a.Hint = serverCure(p, "ask for AllowAgentForwarding yes in sshd_config there; from OpenSSH 10.1 on sshd also has to be able to "+
		"write to ~/.ssh/agent, or wherever AgentSocketPath says", "ask for agent forwarding there")
	return a
}

// serverCure is what to do about OpenSSH's sshd, or about another server.
func serverCure(p *doctor.Problem, openSSH, other string) string {
	if p.Other {
		return other
	}
	return openSSH
}
