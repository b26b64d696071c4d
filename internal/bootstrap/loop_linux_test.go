package bootstrap

import (
	"context"
	"strings"
	"testing"
	"time"
)

// inner logs in from the devbox to itself with the agent forwarded, by this
// name, as a session does, and returns the login once it is at its prompt.
func (s *site) inner(name string, env ...string) *window {
	s.t.Helper()
	host := name[strings.LastIndex(name, "@")+1:]
	lines, err := s.sshd.HostKeyLines(host)
	check(s.t, err)
	check(s.t, s.account.KnowHost(lines...))
	c := s.account.Command(s.t.Context(), "ssh", "-A", "-tt", name)
	c.Env = append(append(c.Env, "TERM=vt100", "SSH_AUTH_SOCK="+s.link()), env...)
	terminal, err := s.account.Terminal(100, 30, c)
	check(s.t, err)
	check(s.t, terminal.Send("echo in-$((6*7))\r"))
	check(s.t, terminal.WaitFor(within(s.t), "in-42"))
	return &window{Terminal: terminal, site: s}
}

func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// TestLoginFromASession has a session log in to its own machine: the link must
// not lead to an agent that is reached through the link.
func TestLoginFromASession(t *testing.T) {
	t.Parallel()
	outer := newSite(t)
	for _, name := range []string{"localhost", "127.0.1.1", "devbox"} {
		t.Run(name, func(t *testing.T) {
			s := outer.login(t, "bash")
			setUp(t, s)
			h, agent := s.hold(Claim)
			h.expect(Link{State: LinkSet})
			login := s.inner(name)
			compare(t, "the link", agent, s.target())
			compare(t, "what the login says", s.key.Pub, strings.TrimSpace(strings.SplitN(login.told(), "\n", 2)[1]))
			compare(t, "keys", s.key.Pub, s.keys())
			login.leave()

			t.Log("with an agent of its own")
			own, err := s.account.Agent()
			check(t, err)
			mine, err := s.account.NewKey("mine", "ed25519")
			check(t, err)
			check(t, s.account.Authorize(mine.Pub))
			check(t, own.Add(mine))
			login = s.inner(name, "SSH_AUTH_SOCK="+own.Sock)
			if now := s.target(); now == agent || now == "" {
				t.Errorf("the link leads to %q", now)
			}
			compare(t, "keys", mine.Pub, s.keys())
			login.leave()
			_ = h.Close()
		})
	}
}

// TestLoginFromASessionByAnotherAccount goes round by that.
func TestLoginFromASessionByAnotherAccount(t *testing.T) {
	t.Parallel()
	s := newSite(t).login(t, "bash")
	setUp(t, s)
	other := s.login(t, "bash")
	h, agent := s.hold(Claim)
	h.expect(Link{State: LinkSet})
	there := s.inner(other.account.Name + "@localhost")
	check(t, there.Send("ssh -A -o StrictHostKeyChecking=no "+s.account.Name+"@localhost\r"))
	check(t, there.WaitFor(within(t), `(?s)in-42.*\$ ?$`))
	check(t, there.Send("echo back-$((6*7))\r"))
	check(t, there.WaitFor(within(t), "back-42"))
	compare(t, "the link", agent, s.target())
	compare(t, "keys", s.key.Pub, s.keys())
	check(t, there.Send("exit\r"))
	check(t, there.WaitFor(within(t), "closed"))
	there.leave()
	_ = h.Close()
}

// TestLoginByWayOfTheMachine comes from its own address, too, but the agent is
// the laptop's: a person who logs in takes the link.
func TestLoginByWayOfTheMachine(t *testing.T) {
	t.Parallel()
	s := newSite(t).login(t, "bash")
	setUp(t, s)
	h, agent := s.hold(Claim)
	h.expect(Link{State: LinkSet})
	lines, err := s.sshd.HostKeyLines("localhost")
	check(t, err)
	check(t, s.person.KnowHost(lines...))
	out, err := s.person.Command(within(t), "ssh", "-A", "-tt", "-J", s.account.Name+"@devbox", s.account.Name+"@localhost",
		"readlink "+LinkPath+"; ssh-add -L").Output()
	check(t, err)
	link, keys, _ := strings.Cut(strings.ReplaceAll(strings.TrimSpace(string(out)), "\r", ""), "\n")
	if link == agent || keys != s.key.Pub {
		t.Errorf("the link leads to %q, where %q is", link, keys)
	}
	_ = h.Close()
}
