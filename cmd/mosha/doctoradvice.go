package main

import (
	"fmt"
	"strings"

	"github.com/mosha-ssh/mosha/internal/doctor"
	"github.com/mosha-ssh/mosha/internal/keeper"
)

// advice is a check's problem in words: why it is so, what to do about it, and
// the exit code if it fails.
type advice struct {
	cause string
	cure  string
	code  int
}

// advise finds the words for a check, none if it is well.
func advise(c doctor.Check, host string) advice {
	if c.Problem == nil {
		return advice{}
	}
	a, known := adviceHere(c.Problem, host)
	for _, words := range []func(doctor.Check, string) (advice, bool){adviceBetween, adviceThere, adviceAgent, adviceDotfiles} {
		if !known {
			a, known = words(c, host)
		}
	}
	if a.code == 0 {
		a.code = codes[c.Place]
	}
	return a
}

// codes are the exit codes by where something failed.
var codes = map[doctor.Place]int{doctor.Here: exitFailure, doctor.Between: exitNetwork, doctor.There: exitRemote}

// explained takes the words of an error that has some.
func explained(err error) advice {
	e := explain(err)
	return advice{e.message, e.hint, e.code}
}

// adviceHere is about this machine.
func adviceHere(p *doctor.Problem, host string) (advice, bool) {
	switch p.Kind {
	case doctor.NotReached:
		return advice{cause: "not looked at: " + p.Subject + " comes first"}, true
	case doctor.NoConfig, doctor.NoDirs, doctor.KeeperFails:
		a := explained(p.Err)
		a.code = exitFailure
		return a, true
	case doctor.NoConnection:
		return explained(p.Err), true
	case doctor.OldVersion:
		return advice{cause: fmt.Sprintf("%s is version %s; mosha is made for 1.4", p.Subject, p.Detail), cure: "install a newer mosh"}, true
	case doctor.Broken:
		return advice{cause: p.Subject + " does not run: " + p.Detail, cure: "install the package mosh anew"}, true
	case doctor.NoAgent:
		return noAgent(p), true
	case doctor.AgentEmpty:
		return advice{cause: "the agent has no key", cure: "ssh-add"}, true
	case doctor.KeeperWaits:
		return advice{cause: "it waits for you: " + p.Detail, cure: "mosha reconnect " + host}, true
	case doctor.KeeperLost:
		return advice{cause: strings.TrimSuffix("the connection is lost, and another is being tried for: "+p.Detail, ": "), cure: "mosha log " + host + " says more"}, true
	}
	return advice{}, false
}

// noAgent is told by what the configuration says about the agent.
func noAgent(p *doctor.Problem) advice {
	e := &agentError{Path: p.Subject, Setting: p.Detail}
	return advice{e.cause(), e.hint(), exitFailure}
}

// adviceBetween is about the way to the remote.
func adviceBetween(c doctor.Check, host string) (advice, bool) {
	p := c.Problem
	switch p.Kind {
	case doctor.WrongFamily:
		return explained(&familyError{Family: p.Subject, Address: p.Detail}), true
	case doctor.NoAddress:
		return advice{cause: "the server, which is behind a proxy, does not say its address", cure: "use an SSH server that sets SSH_CONNECTION"}, true
	case doctor.UDPSilent:
		return advice{
			cause: fmt.Sprintf("mosh-server runs on port %s of %s, and nothing comes back from there", p.Subject, p.Detail),
			cure:  "let UDP ports 60000 to 61000 through every firewall on the way, or name one that is open: -p PORT",
		}, true
	case doctor.UDPRefused:
		return advice{
			cause: fmt.Sprintf("UDP port %s of %s is rejected by a firewall", p.Subject, p.Detail),
			cure:  "let UDP ports 60000 to 61000 through, or name one that is open: -p PORT",
		}, true
	case doctor.UDPFails:
		return advice{
			cause: fmt.Sprintf("this machine cannot send to UDP port %s of %s: %v", p.Subject, p.Detail, p.Err),
			cure:  "look at the firewall and the routes of this machine",
		}, true
	}
	return advice{}, false
}

// adviceThere is about the remote's programs.
func adviceThere(c doctor.Check, host string) (advice, bool) {
	p := c.Problem
	switch p.Kind {
	case doctor.NotInstalled:
		return notInstalled(c), true
	case doctor.NotUTF8:
		return notUTF8(c), true
	case doctor.NoRoom:
		return advice{cause: "the server allows no more sessions on the connection", cure: serverCure(p, "raise MaxSessions in sshd_config there", "have it allow more")}, true
	case doctor.OneSession:
		message, hint := forwardWords(&keeper.ForwardError{Reason: "one session"})
		return advice{cause: message, cure: hint}, true
	case doctor.Lost:
		return advice{cause: "the connection was lost meanwhile: " + errWords(p.Err), cure: "run it again; mosha log " + host + " says more", code: exitNetwork}, true
	case doctor.Expired:
		e := explain(&keeper.ExpiredError{User: p.Subject, Host: p.Detail})
		return advice{cause: e.message, cure: e.hint, code: e.code}, true
	case doctor.NoShell:
		return advice{
			cause: joined("the server does not run what it is told to%s", instead(p.Detail)),
			cure:  "look there for a restricted login shell, command= in authorized_keys, " + serverCure(p, "ForceCommand in sshd_config, ", "") + "and start-up files that start something else",
		}, true
	case doctor.ShellTaken:
		return advice{
			cause: "a start-up file runs " + p.Subject + " in place of every command, mosh-server's start too",
			cure:  "have it do so at a prompt only: case $- in *i*) exec " + p.Subject + " -l ;; esac",
		}, true
	case doctor.Noise:
		return advice{
			cause: fmt.Sprintf("start-up files print to programs: %q", p.Detail),
			cure:  "have them print at a prompt only; scp and rsync break on it",
		}, true
	case doctor.ServerFails:
		return advice{cause: "mosh-server does not start: " + p.Detail, cure: "try it there: mosh-server new"}, true
	}
	return advice{}, false
}

func instead(said string) string {
	if said == "" {
		return ": it says nothing"
	}
	return fmt.Sprintf(": it says %q", said)
}

func notInstalled(c doctor.Check) advice {
	name := c.Problem.Subject
	switch {
	case c.Place == doctor.There:
		return advice{cause: name + " is not installed there, or not in the PATH of a command", cure: "install the package mosh there, or say where it is: --server PATH"}
	case c.Name == doctor.CheckSSH:
		return advice{cause: name + " is not installed here", cure: install("openssh-client")}
	}
	return advice{cause: name + " is not installed here", cure: install("mosh")}
}

// notUTF8 names the variable that counts: setting another one cures nothing.
func notUTF8(c doctor.Check) advice {
	charmap, setting := c.Problem.Subject, c.Problem.Detail
	name, _, _ := strings.Cut(setting, "=")
	if name == "" {
		name, setting = "LANG", "LANG is not set"
	}
	utf8 := c.Facts["utf8"]
	if c.Place == doctor.There {
		a := advice{
			cause: fmt.Sprintf("mosh-server finds no UTF-8 locale: its own is %s, and what is set here (%s) is not installed there", charmap, setting),
			cure:  fmt.Sprintf("export %s=%s here, which is installed there", name, utf8),
		}
		if utf8 == "" {
			a.cure = "have one made there: localedef -i en_US -f UTF-8 en_US.UTF-8; then export " + name + "=en_US.UTF-8 here"
		}
		return a
	}
	a := advice{
		cause: fmt.Sprintf("the character set here is %s, not UTF-8 (%s)", charmap, setting),
		cure:  fmt.Sprintf("export %s=%s", name, utf8),
	}
	if utf8 == "" {
		a.cure = "install a UTF-8 locale, and have " + name + " name it: `locale -a` shows those that there are"
	}
	return a
}

// adviceAgent is about the agent on the remote.
func adviceAgent(c doctor.Check, host string) (advice, bool) {
	p := c.Problem
	switch p.Kind {
	case doctor.NoForwarding:
		return noForwarding(c), true
	case doctor.LinkOccupied:
		return advice{cause: p.Subject + " is there and is no link", cure: "move it away there"}, true
	case doctor.LinkDead:
		return advice{cause: "leads nowhere: " + p.Subject, cure: "the next session mends it"}, true
	case doctor.LinkMute:
		return advice{cause: "leads to " + p.Subject + ", where no agent answers", cure: "a new session takes it: mosha " + host + "; end what led it there, such as an ssh -A that was begun in a session"}, true
	case doctor.LinkElsewhere:
		return advice{cause: "~/.ssh there cannot be written to: a session has the link in $XDG_RUNTIME_DIR"}, true
	case doctor.LinkNowhere:
		return advice{
			cause: "~/.ssh there cannot be written to, and there is no $XDG_RUNTIME_DIR: a session has the agent until its connection breaks",
			cure:  "make ~/.ssh yours to write to there, or have pam_systemd set XDG_RUNTIME_DIR",
		}, true
	case doctor.AgentHides:
		return advice{cause: "the agent here shows that machine none of its " + count(p.Subject, "key"), cure: "add one without ssh-add -h, or with this host named there"}, true
	case doctor.AgentFails:
		return advice{cause: joined("the agent does not answer as it should: %s", p.Detail+errWords(p.Err)), cure: "ssh-add -l"}, true
	case doctor.Touch:
		return advice{cause: "not tried: every key has to be touched"}, true
	case doctor.NoAnswer:
		return advice{cause: "given up: nobody let the agent sign with " + p.Subject, cure: "confirm it when the agent asks"}, true
	case doctor.Refused:
		return advice{
			cause: fmt.Sprintf("no signature with %s: %s", p.Subject, p.Detail),
			cure:  "unlock the agent here; if it asks before it signs (ssh-add -c), say yes",
		}, true
	case doctor.NoTool:
		return advice{cause: "not tried: " + p.Subject + " is missing there", cure: "install an OpenSSH client there, 8.1 or newer"}, true
	}
	return advice{}, false
}

func errWords(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func noForwarding(c doctor.Check) advice {
	p := c.Problem
	switch {
	case strings.HasPrefix(p.Detail, "~"):
		return advice{
			cause: fmt.Sprintf("your key has the option %s in %s there", p.Subject, p.Detail),
			cure:  "take it away, or add agent-forwarding behind restrict",
		}
	case p.Subject != "":
		return advice{
			cause: fmt.Sprintf("the server forwards no agent: %s (%s)", p.Subject, p.Detail),
			cure:  "have it changed to: AllowAgentForwarding yes",
		}
	}
	a := advice{cause: "the server forwards no agent"}
	if c.Facts["unreadable"] != "" {
		a.cause += joined(" (its %s cannot be read)", c.Facts["unreadable"])
	}
	a.cure = serverCure(p, "ask for AllowAgentForwarding yes in sshd_config there; from OpenSSH 10.1 on sshd also has to be able to "+
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
