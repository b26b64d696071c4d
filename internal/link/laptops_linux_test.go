package link

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mosha-ssh/mosha/internal/lab"
	"github.com/mosha-ssh/mosha/internal/lab/homes"
)

// TestTwoLaptops lets two of them share an account.
func TestTwoLaptops(t *testing.T) {
	t.Parallel()
	s := homes.NewSite(t).Login(t, "bash")
	a, agentA := overHold(s, Claim)
	a.expect(Outcome{State: Set})
	b, agentB := overHold(s, Claim)
	b.expect(Outcome{State: Set})
	compare(t, "target", agentB, s.Target())
	a.order(Ping(1), Pong{Token: 1, Owner: OwnerOther})

	t.Log("a comes back, b lives")
	homes.Check(t, a.Close())
	a, agentA = overHold(s, Reclaim(true, agentA))
	a.expect(Outcome{State: Kept})
	compare(t, "target", agentB, s.Target())

	t.Log("b is lost")
	kill(s, b)
	a.order(Ping(2), Pong{Token: 2, Owner: OwnerSelf})
	compare(t, "target", homes.ByRepair(agentA), s.Target())
	compare(t, "keys", s.Key.Pub, s.Keys())

	t.Log("b comes back")
	b, agentB = overHold(s, Reclaim(true, agentB))
	b.expect(Outcome{State: Set})
	compare(t, "target", agentB, s.Target())
	a.order(Ping(3), Pong{Token: 3, Owner: OwnerOther})

	t.Log("b loses its connection, a does not notice")
	kill(s, b)
	b, agentB = overHold(s, Reclaim(true, agentB))
	b.expect(Outcome{State: Set})
	compare(t, "target", agentB, s.Target())

	t.Log("b ends")
	_, err := b.Write([]byte(Quit))
	homes.Check(t, err)
	b.end()
	a.order(Ping(4), Pong{Token: 4, Owner: OwnerSelf})
	compare(t, "target", homes.ByRepair(agentA), s.Target())
	homes.Check(t, s.Sshd.KillSessions())
	homes.Check(t, s.Account.WaitGone(t.Context(), ""))
}

// kill kills (SIGKILL) the sshd of a holder, which leaves its socket behind.
func kill(s *homes.Site, h *held) {
	s.T.Helper()
	homes.Check(s.T, syscall.Kill(h.sshd.PID, syscall.SIGKILL))
	h.end()
	homes.Eventually(s.T, "sshd ends", homes.Gone(h.sshd.PID))
}

// TestLoginTakesTheLink logs in without mosha, and out.
func TestLoginTakesTheLink(t *testing.T) {
	t.Parallel()
	s := homes.NewSite(t).Login(t, "bash")
	setUp(t, s)
	h, agent := overHold(s, Claim)
	h.expect(Outcome{State: Set})
	login, err := homes.StartShell(t, s.SSH("-A", "-tt", "cat"), nil)
	homes.Check(t, err)
	homes.Eventually(t, "the login takes the link", func() bool { return s.Target() != agent })
	taken := s.Target()
	h.order(Ping(1), Pong{Token: 1, Owner: OwnerOther})
	h.order(Reclaim(true, agent), Outcome{State: Kept})
	_, err = login.Write([]byte{'D' & 0x1f}) // the end of cat's input
	homes.Check(t, err)
	homes.Check(t, login.Close())
	homes.Eventually(t, "its socket goes", func() bool { _, err := os.Stat(taken); return os.IsNotExist(err) })
	h.order(Ping(2), Pong{Token: 2, Owner: OwnerSelf})
	compare(t, "target", homes.ByRepair(agent), s.Target())

	t.Log("~/.ssh/rc finds no link when a connection begins")
	homes.Check(t, os.Remove(s.Link()))
	h, agent = overHold(s, Reclaim(false, agent))
	h.expect(Outcome{State: Set})
	compare(t, "target", homes.ByRepair(agent), s.Target())
}

// TestSleepingLaptop stops the owner's sshd, whose socket then takes
// connections and does not answer.
func TestSleepingLaptop(t *testing.T) {
	t.Parallel()
	s := homes.NewSite(t).Login(t, "bash")
	a, agentA := overHold(s, Claim)
	a.expect(Outcome{State: Set})
	b, agentB := overHoldEvery(s, Claim, 2*time.Second) // long enough for the lines up to its stop, on any machine
	b.expect(Outcome{State: Set})
	a.order(Ping(1), Pong{Token: 1, Owner: OwnerOther})
	b.order(Ping(1), Pong{Token: 1, Owner: OwnerSelf})
	homes.Check(t, syscall.Kill(b.sshd.PID, syscall.SIGSTOP))
	homes.Eventually(t, "b gives the link up", func() bool { return s.Target() == "" })
	a.order(Ping(2), Pong{Token: 2, Owner: OwnerSelf})
	compare(t, "target", homes.ByRepair(agentA), s.Target())
	compare(t, "keys", s.Key.Pub, s.Keys())
	homes.Check(t, syscall.Kill(b.sshd.PID, syscall.SIGCONT))
	b.order(Ping(2), Pong{Token: 2, Owner: OwnerSelf})
	compare(t, "target", agentB, s.Target())
	compare(t, "keys", s.Key.Pub, s.Keys())
}

// TestNeverHeard lets a connection break before its keeper can know of it: the
// holder gets no order. Then its sshd ends, and whoever hangs on the agent is
// free; one that was heard of stays.
func TestNeverHeard(t *testing.T) {
	t.Parallel()
	s := homes.NewSite(t).Login(t, "bash")
	heard, heardAgent := overHold(s, Claim)
	heard.expect(Outcome{State: Set})
	heard.order(Ping(1), Pong{Token: 1, Owner: OwnerSelf})
	h, agent := overHoldEvery(s, Claim, time.Second)
	h.expect(Outcome{State: Set})
	compare(t, "target", agent, s.Target())
	laptop := h.Cmd.(*lab.Cmd).Process.Pid
	homes.Check(t, syscall.Kill(laptop, syscall.SIGSTOP))
	hanging := s.Account.Command(t.Context(), "ssh-add", "-l")
	hanging.Env = append(hanging.Env, "SSH_AUTH_SOCK="+s.Link())
	homes.Check(t, hanging.Start())
	if err := hanging.Wait(); err == nil {
		t.Error("the hanging program got an answer")
	}
	homes.Eventually(t, "sshd ends", homes.Gone(h.sshd.PID))
	homes.Eventually(t, "its socket goes", func() bool { _, err := os.Stat(agent); return os.IsNotExist(err) })
	compare(t, "target", "", s.Target())
	_ = syscall.Kill(laptop, syscall.SIGCONT)
	homes.Check(t, h.Close())
	heard.order(Ping(2), Pong{Token: 2, Owner: OwnerSelf})
	compare(t, "target", heardAgent, s.Target())
	homes.Check(t, heard.Close())
	homes.Check(t, s.Account.WaitGone(t.Context(), ""))
}

// TestBuryHalfOpen lets a program hang on the agent of a connection whose other
// end no longer answers, and of one whose sshd does not run at all.
func TestBuryHalfOpen(t *testing.T) {
	t.Parallel()
	s := homes.NewSite(t).Login(t, "bash")
	halfOpen := map[string]func(h *held) int{
		"laptop": func(h *held) int { return h.Cmd.(*lab.Cmd).Process.Pid },
		"sshd":   func(h *held) int { return h.sshd.PID },
	}
	for name, process := range halfOpen {
		t.Run(name, func(t *testing.T) { s := *s; s.T = t; testBuryHalfOpen(t, &s, process) })
	}
}

func testBuryHalfOpen(t *testing.T, s *homes.Site, process func(h *held) int) {
	old, oldAgent := overHold(s, Claim)
	old.expect(Outcome{State: Set})
	stopped := process(old)
	homes.Check(t, syscall.Kill(stopped, syscall.SIGSTOP))
	hanging := s.Account.Command(t.Context(), "ssh-add", "-l")
	hanging.Env = append(hanging.Env, "SSH_AUTH_SOCK="+s.Link())
	homes.Check(t, hanging.Start())
	homes.Eventually(t, "it hangs", func() bool { return readsSocket(hanging.Process.Pid) })

	h, agent := overHold(s, Reclaim(true, oldAgent))
	h.expect(Outcome{State: Set})
	compare(t, "target", agent, s.Target())
	h.order(Bury(h.sshd, agent), Buried{})
	h.order(Bury(Sshd{PID: old.sshd.PID, Start: old.sshd.Start + "0"}, ""), Buried{})
	h.order(Bury(Sshd{PID: parentOf(h.sshd.PID), Start: homes.ProcStat(parentOf(h.sshd.PID))[19]}, ""), Buried{}) // root's
	h.order(Bury(old.sshd, oldAgent), Buried{Done: true})
	if err := hanging.Wait(); err == nil {
		t.Error("the hanging program got an answer")
	}
	homes.Eventually(t, "sshd ends", homes.Gone(old.sshd.PID))
	h.order(Ping(1), Pong{Token: 1, Owner: OwnerSelf})
	if _, err := os.Stat(oldAgent); !os.IsNotExist(err) {
		t.Errorf("its socket is left: %v", err)
	}
	compare(t, "target", agent, s.Target())
	_ = syscall.Kill(stopped, syscall.SIGCONT)
	homes.Check(t, old.Close())
	homes.Check(t, h.Close())
	homes.Check(t, s.Account.WaitGone(t.Context(), ""))
}

// readsSocket tells whether a process waits for bytes from a socket.
func readsSocket(pid int) bool {
	call, _ := os.ReadFile(fmt.Sprintf("/proc/%d/syscall", pid))
	words := strings.Fields(string(call))
	if len(words) < 2 || words[0] != strconv.Itoa(syscall.SYS_READ) {
		return false
	}
	fd, _ := strconv.ParseUint(words[1], 0, 31)
	name, _ := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", pid, fd))
	return strings.HasPrefix(name, "socket:")
}

func parentOf(pid int) int {
	parent, _ := strconv.Atoi(homes.ProcStat(pid)[1])
	return parent
}
