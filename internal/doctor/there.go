package doctor

import (
	"errors"
	"strconv"
	"strings"

	"github.com/mosha-ssh/mosha/internal/bootstrap"
)

// reportShell reports whether the remote runs what it is told to, and
// mosh-server.
func (e *examination) reportShell(seen remoteSeen, start startSeen) {
	c := newCheck(There, CheckShell)
	c.Facts["login_shell"] = seen.facts.login
	switch {
	case seen.err != nil:
		c = refused(c, seen.err)
	case seen.noise != "":
		c = c.warns(Noise, "", seen.noise, nil)
	}
	e.report(c)
	e.report(start.server())
	e.report(start.locale())
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
	e.report(link(seen.facts.link, agent))
	e.report(e.signature(forwarding, agent, sign))
	e.ran = rcSeen(seen.facts.link, agent)
}

// link is the check of ~/.ssh/ssh_auth_sock, as it was before.
func link(before linkState, agent agentSeen) Check {
	c := newCheck(There, CheckLink)
	text := bootstrap.Printable(before.text)
	owner, marked := before.state, strings.TrimPrefix(text, "/.")
	switch {
	case before.state == "occupied":
		return c.fails(LinkOccupied, "~/"+bootstrap.LinkPath, "", nil)
	case before.state == "dead":
		c.Facts["target"] = text
		return c.warns(LinkDead, text, "", nil)
	case before.state == "none":
	case agent.path != "" && (text == agent.path || marked == agent.path):
		owner = "own"
	default:
		owner = "other"
	}
	c.Facts["owner"], c.Facts["target"] = owner, text
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
	return c.fails(AgentFails, agent.path, bootstrap.Printable(strings.Join(agent.keys, "; ")), nil)
}

// rcSeen says whether sshd was seen to run ~/.ssh/rc: yes, no, or "" where
// there was nothing for it to do.
func rcSeen(before linkState, agent agentSeen) string {
	switch {
	case agent.path == "" || before.state == "live" || before.state == "occupied":
		return ""
	case agent.via == "link":
		return "yes"
	}
	return "no"
}

// reportDotfiles reports whether the remote is set up, and whether that shows.
func (e *examination) reportDotfiles(seen remoteSeen) {
	setup, rc := seen.setupChecks(e.ran, seen.facts.blameUserRC(e.up.Identity))
	e.report(setup)
	e.report(rc)
	for i, name := range seen.facts.shells() {
		c := newCheck(There, CheckOtherShell+name)
		if i == 0 {
			c = newCheck(There, CheckLoginShell)
		}
		c.Facts["shell"] = name
		e.report(seen.shellCheck(c, i == 0, name))
	}
}

// setupChecks are those of the set-up and of ~/.ssh/rc.
func (s *remoteSeen) setupChecks(ran string, b blame) (setup, rc Check) {
	setup, rc = newCheck(There, CheckSetup), newCheck(There, CheckUserRC)
	var missing, unwritable []string
	var blocked error
	rcThere := false
	for _, f := range s.setup.Files {
		switch f.Action {
		case bootstrap.Created, bootstrap.Changed:
			missing = append(missing, f.Path)
		case bootstrap.InPlace:
			rcThere = rcThere || f.Path == "~/.ssh/rc"
		default:
			blocked = errors.Join(blocked, f.Cause)
			unwritable = append(unwritable, f.Path)
		}
	}
	files := strings.Join(missing, ", ")
	switch {
	case s.setErr != nil:
		setup = setup.warns(CannotSetUp, "", "", s.setErr)
	case s.facts.fixed && len(missing)+len(unwritable) > 0:
		setup = setup.warns(HomeFixed, strings.Join(append(missing, unwritable...), ", "), "", nil)
	case blocked != nil:
		setup = setup.warns(CannotSetUp, "", "", blocked)
	case files != "":
		setup = setup.warns(NotSetUp, files, "", nil)
	}
	rc.Facts["seen"] = ran
	switch {
	case !rcThere:
		return setup, rc.skips(NotReached, CheckSetup)
	case ran == "no" || ran == "" && b.line != "":
		return setup, rc.warns(RCIdle, b.line, b.where, nil)
	case ran == "":
		return setup, rc.skips(RCUnseen, "")
	}
	return setup, rc
}

// shellCheck is what a fresh login shell has in SSH_AUTH_SOCK.
func (s *remoteSeen) shellCheck(c Check, login bool, name string) Check {
	words := s.facts.said[name]
	sock := bootstrap.Printable(words.sock)
	c.Facts["ssh_auth_sock"] = sock
	switch {
	case !words.said && words.ended:
		return c.warns(ShellElse, name, "", nil)
	case !words.said:
		return c.warns(ShellSilent, name, "", nil)
	case isLink(words.sock):
		return c
	case sock == "":
		return c.warns(ShellUnset, name, "", nil)
	case s.states[words.sock] == "live":
		return c.warns(ShellOther, name, sock, nil)
	case login:
		return c.fails(ShellDead, name, sock, nil)
	}
	return c.warns(ShellDead, name, sock, nil)
}
