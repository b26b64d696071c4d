package link

import (
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mosha-ssh/mosha/internal/lab/homes"
	"github.com/mosha-ssh/mosha/internal/remotesh"
)

// TestLoginFromASession has a session log in to its own machine: the link must
// not lead to an agent that is reached through the link.
func TestLoginFromASession(t *testing.T) {
	t.Parallel()
	outer := homes.NewSite(t)
	for _, name := range []string{"localhost", "127.0.1.1", "devbox"} {
		t.Run(name, func(t *testing.T) {
			s := outer.Login(t, "bash")
			setUp(t, s)
			h, agent := overHold(s, claim)
			h.expect(outcome{State: set})
			login := s.Inner(name)
			compare(t, "the link", agent, s.Target())
			compare(t, "what the login says", s.Key.Pub, strings.TrimSpace(strings.SplitN(login.Told(), "\n", 2)[1]))
			compare(t, "keys", s.Key.Pub, s.Keys())
			login.Leave()

			t.Log("with an agent of its own")
			own, err := s.Account.Agent()
			homes.Check(t, err)
			mine, err := s.Account.NewKey("mine", "ed25519")
			homes.Check(t, err)
			homes.Check(t, s.Account.Authorize(mine.Pub))
			homes.Check(t, own.Add(mine))
			login = s.Inner(name, "SSH_AUTH_SOCK="+own.Sock)
			if now := s.Target(); now == agent || now == "" {
				t.Errorf("the link leads to %q", now)
			}
			compare(t, "keys", mine.Pub, s.Keys())
			login.Leave()
			_ = h.Close()
		})
	}
}

// TestLoginFromASessionByAnotherAccount goes round by that.
func TestLoginFromASessionByAnotherAccount(t *testing.T) {
	t.Parallel()
	s := homes.NewSite(t).Login(t, "bash")
	setUp(t, s)
	other := s.Login(t, "bash")
	h, agent := overHold(s, claim)
	h.expect(outcome{State: set})
	there := s.Inner(other.Account.Name + "@localhost")
	homes.Check(t, there.Send("ssh -A -o StrictHostKeyChecking=no "+s.Account.Name+"@localhost\r"))
	homes.Check(t, there.WaitFor(homes.Within(t), `(?s)in-42.*\$ ?$`))
	homes.Check(t, there.Send("echo back-$((6*7))\r"))
	homes.Check(t, there.WaitFor(homes.Within(t), "back-42"))
	compare(t, "the link", agent, s.Target())
	compare(t, "keys", s.Key.Pub, s.Keys())
	homes.Check(t, there.Send("exit\r"))
	homes.Check(t, there.WaitFor(homes.Within(t), "closed"))
	there.Leave()
	_ = h.Close()
}

// TestConnectionsBesideALogin has another user connect from the same port to
// the same port, by other addresses of the machine, so that her connections are
// found, too, where that of a login from a session is looked for.
func TestConnectionsBesideALogin(t *testing.T) {
	homes.EachShell(t, func(t *testing.T, l *homes.Local) {
		for _, others := range []int{0, 1, 2, 4, 8, 64} {
			loginBeside(l.Another(t), others)
		}
	})
}

// loginBeside has a session log in, and so many connections of hers.
func loginBeside(l *homes.Local, others int) {
	t := l.T
	listener, err := net.Listen("tcp4", "0.0.0.0:0")
	homes.Check(t, err)
	defer listener.Close()
	to := listener.Addr().(*net.TCPAddr).Port
	session := l.Command("bash", "-c", fmt.Sprintf("exec 3<>/dev/tcp/127.0.0.1/%d; exec sleep 600", to))
	session.Env = append(session.Env, "SSH_AUTH_SOCK="+filepath.Join(l.Home, remotesh.LinkPath))
	homes.Check(t, session.Start())
	defer func() { _ = session.Process.Kill(); _ = session.Wait() }()
	login, err := listener.Accept()
	homes.Check(t, err)
	defer login.Close()
	from := login.RemoteAddr().(*net.TCPAddr).Port
	for i := range others {
		local := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 1, byte(i)), Port: from}}
		hers, err := local.Dial("tcp4", fmt.Sprintf("127.0.2.%d:%d", i, to))
		homes.Check(t, err)
		defer hers.Close()
	}
	a := homes.NewAgents(l)
	setUp(t, l)
	sh := l.Command(append(l.Argv, ".ssh/rc")...)
	sh.Env = append(sh.Env, "SSH_AUTH_SOCK="+a.Start(a.SshdName()), "SSH_TTY=/dev/pts/99",
		fmt.Sprintf("SSH_CONNECTION=127.0.0.1 %d 127.0.0.1 %d", from, to))
	homes.Check(t, sh.Run())
	compare(t, fmt.Sprintf("target beside %d others", others), "", l.Target())
}

// TestLoginByWayOfTheMachine comes from its own address, too, but the agent is
// the laptop's: a person who logs in takes the link.
func TestLoginByWayOfTheMachine(t *testing.T) {
	t.Parallel()
	s := homes.NewSite(t).Login(t, "bash")
	setUp(t, s)
	h, agent := overHold(s, claim)
	h.expect(outcome{State: set})
	lines, err := s.Sshd.HostKeyLines("localhost")
	homes.Check(t, err)
	homes.Check(t, s.Person.KnowHost(lines...))
	out, err := s.Person.Command(homes.Within(t), "ssh", "-A", "-tt", "-J", s.Account.Name+"@devbox", s.Account.Name+"@localhost",
		"readlink "+remotesh.LinkPath+"; ssh-add -L").Output()
	homes.Check(t, err)
	link, keys, _ := strings.Cut(strings.ReplaceAll(strings.TrimSpace(string(out)), "\r", ""), "\n")
	if link == agent || keys != s.Key.Pub {
		t.Errorf("the link leads to %q, where %q is", link, keys)
	}
	_ = h.Close()
}
