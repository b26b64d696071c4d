package bootstrap

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mosha-ssh/mosha/internal/link"
	"github.com/mosha-ssh/mosha/internal/remotesh"
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
			h, agent := s.hold(link.Claim)
			h.expect(link.Outcome{State: link.Set})
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
	h, agent := s.hold(link.Claim)
	h.expect(link.Outcome{State: link.Set})
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

// TestConnectionsBesideALogin has another user connect from the same port to
// the same port, by other addresses of the machine, so that her connections are
// found, too, where that of a login from a session is looked for.
func TestConnectionsBesideALogin(t *testing.T) {
	eachShell(t, func(t *testing.T, l *local) {
		for _, others := range []int{0, 1, 2, 4, 8, 64} {
			l.another(t).loginBeside(others)
		}
	})
}

// loginBeside has a session log in, and so many connections of hers.
func (l *local) loginBeside(others int) {
	t := l.t
	listener, err := net.Listen("tcp4", "0.0.0.0:0")
	check(t, err)
	defer listener.Close()
	to := listener.Addr().(*net.TCPAddr).Port
	session := l.command("bash", "-c", fmt.Sprintf("exec 3<>/dev/tcp/127.0.0.1/%d; exec sleep 600", to))
	session.Env = append(session.Env, "SSH_AUTH_SOCK="+filepath.Join(l.home, remotesh.LinkPath))
	check(t, session.Start())
	defer func() { _ = session.Process.Kill(); _ = session.Wait() }()
	login, err := listener.Accept()
	check(t, err)
	defer login.Close()
	from := login.RemoteAddr().(*net.TCPAddr).Port
	for i := range others {
		local := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 1, byte(i)), Port: from}}
		hers, err := local.Dial("tcp4", fmt.Sprintf("127.0.2.%d:%d", i, to))
		check(t, err)
		defer hers.Close()
	}
	a := newAgents(l)
	l.lay(file(".ssh/rc", rcBlock))
	sh := l.command(append(l.argv, ".ssh/rc")...)
	sh.Env = append(sh.Env, "SSH_AUTH_SOCK="+a.start(a.sshdName()), "SSH_TTY=/dev/pts/99",
		fmt.Sprintf("SSH_CONNECTION=127.0.0.1 %d 127.0.0.1 %d", from, to))
	check(t, sh.Run())
	compare(t, fmt.Sprintf("target beside %d others", others), "", l.target())
}

// TestLoginByWayOfTheMachine comes from its own address, too, but the agent is
// the laptop's: a person who logs in takes the link.
func TestLoginByWayOfTheMachine(t *testing.T) {
	t.Parallel()
	s := newSite(t).login(t, "bash")
	setUp(t, s)
	h, agent := s.hold(link.Claim)
	h.expect(link.Outcome{State: link.Set})
	lines, err := s.sshd.HostKeyLines("localhost")
	check(t, err)
	check(t, s.person.KnowHost(lines...))
	out, err := s.person.Command(within(t), "ssh", "-A", "-tt", "-J", s.account.Name+"@devbox", s.account.Name+"@localhost",
		"readlink "+remotesh.LinkPath+"; ssh-add -L").Output()
	check(t, err)
	link, keys, _ := strings.Cut(strings.ReplaceAll(strings.TrimSpace(string(out)), "\r", ""), "\n")
	if link == agent || keys != s.key.Pub {
		t.Errorf("the link leads to %q, where %q is", link, keys)
	}
	_ = h.Close()
}
