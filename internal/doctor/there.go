package doctor

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/mosha-ssh/mosha/internal/bootstrap"
	"github.com/mosha-ssh/mosha/internal/remotesh"
	"github.com/mosha-ssh/mosha/internal/text"
)

// reportShell reports whether the remote runs commands, and mosh-server.
func (e *examination) reportShell(seen remoteSeen, start startSeen) {
	c := newCheck(There, CheckShell)
	c.Facts["login_shell"] = seen.facts.login
	switch {
	case seen.err != nil:
		c = refused(c, seen.err)
	case seen.facts.taken != "":
		c = c.fails(ShellTaken, seen.facts.taken, "", nil)
	case seen.noise != "":
		c = c.warns(Noise, "", seen.noise, nil)
	}
	e.report(c)
	e.report(start.server())
	e.report(start.locale(e.localeSetting()))
}

// reportAgent reports what became of the agent on the remote.
func (e *examination) reportAgent(seen remoteSeen) {
	agent, sign, err := e.withAgent(seen.facts.link)
	forwarding := newCheck(There, CheckForwarding)
	switch {
	case err != nil:
		forwarding = refused(forwarding, err)
	case agent.path == "":
		b := seen.facts.blameForwarding(e.up.Identity)
		forwarding = forwarding.fails(NoForwarding, b.line, b.where, nil)
		forwarding.Facts["unreadable"] = seen.facts.unreadable
	default:
		forwarding.Facts["socket"] = agent.path
	}
	e.report(forwarding)
	e.report(link(seen.facts.place, seen.facts.link, agent))
	e.report(e.signature(forwarding, agent, sign))
	e.ran = rcSeen(seen.facts.link, agent)
}

// link is the check of ~/.ssh/ssh_auth_sock, or of what is in its place, as it
// was before the doctor came.
func link(place remotesh.Place, before linkState, agent agentSeen) Check {
	c := newCheck(There, CheckLink)
	text := text.ASCII(before.text)
	owner, marked := before.state, strings.TrimPrefix(text, "/.")
	switch {
	case before.state == "occupied":
		return c.fails(LinkOccupied, "~/"+remotesh.LinkPath, "", nil)
	case before.state == "dead":
		c.Facts["target"] = text
		return c.warns(LinkDead, text, "", nil)
	case before.state == "none":
	case agent.path != "" && (text == agent.path || marked == agent.path):
		owner = "own"
	default:
		owner = "other"
	}
	c.Facts["owner"], c.Facts["target"], c.Facts["place"] = owner, text, string(place)
	switch {
	case owner == "other" && agent.mute:
		return c.fails(LinkMute, text, "", nil)
	case place == remotesh.PlaceRuntime:
		return c.warns(LinkElsewhere, "", "", nil)
	case place == remotesh.PlaceNone:
		return c.warns(LinkNowhere, "", "", nil)
	}
	return c
}

// signature is the check of the whole path, from a program on the remote to
// the agent here and back.
func (e *examination) signature(forwarding Check, agent agentSeen, sign signature) Check {
	c := newCheck(There, CheckSignature)
	c.Facts["key"], c.Facts["via"] = sign.key, agent.via
	switch {
	case forwarding.State != OK:
		return c.skips(NotReached, CheckForwarding)
	case sign.signed:
		return c
	case sign.late:
		return c.skips(NoAnswer, sign.key)
	case sign.tried && strings.Contains(sign.said, "option"): // unknown, or illegal: before OpenSSH 8.1
		return c.warns(NoTool, "ssh-add -T", sign.said, nil)
	case sign.tried:
		return c.fails(Refused, sign.key, sign.said, nil)
	case agent.code == 127:
		return c.warns(NoTool, "ssh-add", "", nil)
	case agent.code == 0:
		return c.skips(Touch, "")
	case agent.code == 1 && e.keysHere > 0:
		return c.fails(AgentHides, strconv.Itoa(e.keysHere), "", nil)
	case agent.code == 1:
		return c.skips(NotReached, CheckAgent)
	}
	return c.fails(AgentFails, agent.path, text.ASCII(strings.Join(agent.keys, "; ")), nil)
}

// rcRun is what the doctor saw of sshd's running ~/.ssh/rc.
type rcRun string

const (
	rcRan      rcRun = "yes"
	rcDidNot   rcRun = "no"
	rcDeclined rcRun = "declined" // its environment named another agent, which it leaves alone, or none
	rcUnseen   rcRun = ""         // there was nothing for it to do
)

// rcSeen tells by the link whether sshd ran ~/.ssh/rc. The shell that runs it
// reads the same start-up files as the one that the doctor asked.
func rcSeen(before linkState, agent agentSeen) rcRun {
	switch {
	case agent.path == "" || before.state == "live" || before.state == "occupied":
		return rcUnseen
	case agent.via == "link":
		return rcRan
	case !agent.named:
		return rcDeclined
	}
	return rcDidNot
}

// reportDotfiles reports whether the remote is set up, and whether shells show
// that.
func (e *examination) reportDotfiles(seen remoteSeen) {
	e.report(seen.setupCheck())
	e.report(seen.userRC(e.ran, seen.facts.blameUserRC(e.up.Identity)))
	for i, name := range seen.facts.shells() {
		c := newCheck(There, CheckOtherShell+name)
		if i == 0 {
			c = newCheck(There, CheckLoginShell)
		}
		c.Facts["shell"] = name
		e.report(seen.shellCheck(c, i == 0, name))
	}
}

// lacks returns the files that set-up would write, and those that it cannot
// write, with the reason.
func (s *remoteSeen) lacks() (missing, unwritable []string, why error) {
	for _, f := range s.setup.Files {
		switch f.Action {
		case bootstrap.Created, bootstrap.Changed:
			missing = append(missing, f.Path)
		case bootstrap.InPlace:
		default:
			why = errors.Join(why, f.Cause)
			unwritable = append(unwritable, f.Path)
		}
	}
	return missing, unwritable, why
}

// setupCheck is the check of the set-up.
func (s *remoteSeen) setupCheck() Check {
	c := newCheck(There, CheckSetup)
	missing, unwritable, why := s.lacks()
	files := strings.Join(missing, ", ")
	switch {
	case s.setErr != nil:
		return c.warns(CannotSetUp, "", "", s.setErr)
	case s.facts.fixed && len(missing)+len(unwritable) > 0:
		return c.warns(HomeFixed, strings.Join(append(missing, unwritable...), ", "), "", nil)
	case why != nil:
		return c.warns(CannotSetUp, "", "", why)
	case files != "":
		return c.warns(NotSetUp, files, "", nil)
	}
	return c
}

// userRC is the check of ~/.ssh/rc.
func (s *remoteSeen) userRC(ran rcRun, b blame) Check {
	c := newCheck(There, CheckUserRC)
	c.Facts["seen"] = string(ran)
	there := slices.ContainsFunc(s.setup.Files, func(f bootstrap.FileResult) bool {
		return f.Action == bootstrap.InPlace && f.Path == "~/.ssh/rc"
	})
	switch {
	case !there:
		return c.skips(NotReached, CheckSetup)
	case ran == rcDidNot || ran != rcRan && b.line != "":
		return c.warns(RCIdle, b.line, b.where, nil)
	case ran == rcDeclined:
		return c.skips(RCDeclines, "")
	case ran == rcUnseen:
		return c.skips(RCUnseen, "")
	}
	return c
}

// shellCheck is what a fresh login shell has in SSH_AUTH_SOCK.
func (s *remoteSeen) shellCheck(c Check, login bool, name string) Check {
	words := s.facts.said[name]
	sock := text.ASCII(words.sock)
	c.Facts["ssh_auth_sock"] = sock
	switch {
	case sock == "" && !bootstrap.SetsUp(name): // nor may it be one that the probe asks as it asks sh
		return c.warns(ShellUnknown, name, "", nil)
	case !words.said && words.ended:
		return c.warns(ShellElse, name, "", nil)
	case !words.said:
		return c.warns(ShellSilent, name, "", nil)
	case isLink(words.sock):
		return c
	case sock == "":
		return s.unset(c, login, name)
	case s.states[words.sock] == "live":
		return c.warns(ShellOther, name, sock, nil)
	case login:
		return c.fails(ShellDead, name, sock, nil)
	}
	return c.warns(ShellDead, name, sock, nil)
}

// unset is the check of a shell that has no SSH_AUTH_SOCK. Set-up writes for
// the login shell, and into a ~/.bashrc that is there.
func (s *remoteSeen) unset(c Check, login bool, name string) Check {
	missing, _, _ := s.lacks()
	setup := s.setupCheck()
	switch {
	case !login && (name != "bash" || !slices.Contains(missing, "~/.bashrc")):
		return c.warns(ShellBeside, name, s.facts.login, nil)
	case setup.State == OK:
		return c.warns(ShellEmptied, name, "", nil)
	case setup.Problem.Kind != NotSetUp:
		return c.warns(ShellUnset, name, CheckSetup, nil)
	}
	return c.warns(ShellUnset, name, "", nil)
}
