package link

import (
	"os"
	"testing"
	"time"

	"github.com/mosha-ssh/mosha/internal/lab/homes"
	"github.com/mosha-ssh/mosha/internal/remotesh"
)

// overHold starts a holder in a session with the agent forwarded and returns it
// and the socket that it found.
func overHold(s *homes.Site, first order) (*held, string) {
	s.T.Helper()
	return overHoldEvery(s, first, 5*time.Second)
}

// overHoldEvery starts one that expects pings this often.
func overHoldEvery(s *homes.Site, first order, every time.Duration) (*held, string) {
	s.T.Helper()
	h := newHeldEvery(s.T, s.Sh("-A"), first, every, remotesh.Forwarding{OpenSSH: true})
	event, err := h.reader.Next()
	homes.Check(s.T, err)
	if conn := event.(Ends); conn.Client.Addr() != s.Lab.Laptop.Addr() && conn.Client.Addr() != s.Lab.Laptop.Addr6() {
		s.T.Errorf("the connection is %v", conn)
	}
	event, err = h.reader.Next()
	homes.Check(s.T, err)
	h.sshd = event.(process)
	event, err = h.reader.Next()
	homes.Check(s.T, err)
	h.expect(remotesh.PlaceHome)
	return h, event.(socket).Path
}

// testFinding lets shells find the agent of a holder that runs, over an ssh
// that forwards none.
func testFinding(t *testing.T, s *homes.Site, command bool) {
	h, _ := overHold(s, claim)
	h.expect(outcome{State: set})
	want := s.Link() + "\n" + s.Key.Pub + "\n"
	if command {
		compare(t, "command", want, s.Run("-a", "echo $SSH_AUTH_SOCK; ssh-add -L")+"\n")
	}
	compare(t, "login", want, s.Open("-a").Tell(homes.SayAgent))
	compare(t, "login with an agent", want, s.Open("-A").Tell(homes.SayAgent))
	_, err := h.Write([]byte(quit))
	homes.Check(t, err)
	h.end()
}

func testHolderOverSSH(t *testing.T, s *homes.Site) {
	h, agent := overHold(s, claim)
	h.expect(outcome{State: set})
	compare(t, "target", agent, s.Target())
	compare(t, "keys", s.Key.Pub, s.Keys())
	h.order(ping(5), pong{Token: 5, Owner: ownerSelf})
	_, err := h.Write([]byte(quit))
	homes.Check(t, err)
	h.end()
	compare(t, "target after the end", "", s.Target())
}

// TestTrap has start-up files that set SSH_AUTH_SOCK whatever it was before.
func TestTrap(t *testing.T) {
	t.Parallel()
	s := homes.NewSite(t).Login(t, "bash")
	homes.Check(t, s.Account.WriteFile(".bashrc", "export SSH_AUTH_SOCK=$HOME/.ssh/ssh_auth_sock\n", 0o644))
	setUp(t, s)
	for _, before := range []string{"/gone", "ssh_auth_sock"} {
		_ = os.Remove(s.Link())
		homes.Check(t, os.Symlink(before, s.Link()))
		h, agent := overHold(s, claim)
		h.expect(outcome{State: set})
		compare(t, "target", agent, s.Target())
		compare(t, "keys", s.Key.Pub, s.Keys())
		_ = h.Close()
	}
}

// TestShellsSeeTheAgent logs in to a bash that set-up has prepared.
func TestShellsSeeTheAgent(t *testing.T) {
	t.Parallel()
	s := homes.NewSite(t).Login(t, "bash")
	setUp(t, s)
	h, _ := overHold(s, claim)
	h.expect(outcome{State: set})
	const say = "echo $SSH_AUTH_SOCK; ssh-add -L"
	want := s.Link() + "\n" + s.Key.Pub
	compare(t, "command", want, s.Run(say))
	compare(t, "login shell", want, s.Run("bash -lc '"+say+"'"))
	compare(t, "after a login with an agent", want, s.Run("-A", "-tt", "bash -ic '"+say+"'"))
}

// TestHolderEndsWithItsConnection kills sshd's processes below a holder.
func TestHolderEndsWithItsConnection(t *testing.T) {
	t.Parallel()
	s := homes.NewSite(t).Login(t, "bash")
	h, agent := overHold(s, claim)
	h.expect(outcome{State: set})
	compare(t, "target", agent, s.Target())
	h.order(ping(1), pong{Token: 1, Owner: ownerSelf})
	homes.Check(t, s.Sshd.KillSessions())
	homes.Check(t, s.Account.WaitGone(t.Context(), ""))
	compare(t, "target", "", s.Target())
}

func TestHolderWithoutForwarding(t *testing.T) {
	t.Parallel()
	s := homes.NewSite(t, "AllowAgentForwarding no").Login(t, "bash")
	setUp(t, s)
	h, agent := overHold(s, claim)
	compare(t, "agent", "", agent)
	h.expect(failedLink(linkError{NoAgent: true}))
}

// TestHolderOverSSH: shells find the agent of a holder in the link.
func TestHolderOverSSH(t *testing.T) {
	t.Parallel()
	outer := homes.NewSite(t)
	homes.EachLoginShell(func(shell string, always bool) {
		t.Run(shell, func(t *testing.T) {
			t.Parallel()
			s := outer.Login(t, shell)
			if shell == "zsh" { // which asks new users questions
				homes.Check(t, s.Account.WriteFile(".zshrc", "", 0o644))
			}
			setUp(t, s)
			testHolderOverSSH(t, s)
			testFinding(t, s, always)
		})
	})
}
