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
	a, agentA := overHold(s, claim)
	a.expect(outcome{State: set})
	b, agentB := overHold(s, claim)
	b.expect(outcome{State: set})
	compare(t, "target", agentB, s.Target())
	a.order(ping(1), pong{Token: 1, Owner: ownerOther})

	t.Log("a comes back, b lives")
	homes.Check(t, a.Close())
	a, agentA = overHold(s, reclaim(true, agentA))
	a.expect(outcome{State: kept})
	compare(t, "target", agentB, s.Target())

	t.Log("b is lost")
	kill(s, b)
	a.order(ping(2), pong{Token: 2, Owner: ownerSelf})
	compare(t, "target", homes.ByRepair(agentA), s.Target())
	compare(t, "keys", s.Key.Pub, s.Keys())

	t.Log("b comes back")
	b, agentB = overHold(s, reclaim(true, agentB))
	b.expect(outcome{State: set})
	compare(t, "target", agentB, s.Target())
	a.order(ping(3), pong{Token: 3, Owner: ownerOther})

	t.Log("b loses its connection, a does not notice")
	kill(s, b)
	b, agentB = overHold(s, reclaim(true, agentB))
	b.expect(outcome{State: set})
	compare(t, "target", agentB, s.Target())

	t.Log("b ends")
	_, err := b.Write([]byte(quit))
	homes.Check(t, err)
	b.end()
	a.order(ping(4), pong{Token: 4, Owner: ownerSelf})
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
	h, agent := overHold(s, claim)
	h.expect(outcome{State: set})
	login, err := homes.StartShell(t, s.SSH("-A", "-tt", "cat"), nil)
	homes.Check(t, err)
	homes.Eventually(t, "the login takes the link", func() bool { return s.Target() != agent })
	taken := s.Target()
	h.order(ping(1), pong{Token: 1, Owner: ownerOther})
	h.order(reclaim(true, agent), outcome{State: kept})
	_, err = login.Write([]byte{'D' & 0x1f}) // the end of cat's input
	homes.Check(t, err)
	homes.Check(t, login.Close())
	homes.Eventually(t, "its socket goes", func() bool { _, err := os.Stat(taken); return os.IsNotExist(err) })
	h.order(ping(2), pong{Token: 2, Owner: ownerSelf})
	compare(t, "target", homes.ByRepair(agent), s.Target())

	t.Log("~/.ssh/rc finds no link when a connection begins")
	homes.Check(t, os.Remove(s.Link()))
	h, agent = overHold(s, reclaim(false, agent))
	h.expect(outcome{State: set})
	compare(t, "target", homes.ByRepair(agent), s.Target())
}

// TestSleepingLaptop stops the owner's sshd, whose socket then takes
// connections and does not answer.
func TestSleepingLaptop(t *testing.T) {
	t.Parallel()
	s := homes.NewSite(t).Login(t, "bash")
	a, agentA := overHold(s, claim)
	a.expect(outcome{State: set})
	b, agentB := overHoldEvery(s, claim, 2*time.Second) // long enough for the lines up to its stop, on any machine
	b.expect(outcome{State: set})
	a.order(ping(1), pong{Token: 1, Owner: ownerOther})
	b.order(ping(1), pong{Token: 1, Owner: ownerSelf})
	homes.Check(t, syscall.Kill(b.sshd.PID, syscall.SIGSTOP))
	homes.Eventually(t, "b gives the link up", func() bool { return s.Target() == "" })
	a.order(ping(2), pong{Token: 2, Owner: ownerSelf})
	compare(t, "target", homes.ByRepair(agentA), s.Target())
	compare(t, "keys", s.Key.Pub, s.Keys())
	homes.Check(t, syscall.Kill(b.sshd.PID, syscall.SIGCONT))
	b.order(ping(2), pong{Token: 2, Owner: ownerSelf})
	compare(t, "target", agentB, s.Target())
	compare(t, "keys", s.Key.Pub, s.Keys())
}

// TestNeverHeard lets a connection break before its keeper can know of it: the
// holder gets no order. Then its sshd ends, and whoever hangs on the agent is
// free; one that was heard of stays.
func TestNeverHeard(t *testing.T) {
	t.Parallel()
	s := homes.NewSite(t).Login(t, "bash")
	heard, heardAgent := overHold(s, claim)
	heard.expect(outcome{State: set})
	heard.order(ping(1), pong{Token: 1, Owner: ownerSelf})
	h, agent := overHoldEvery(s, claim, time.Second)
	h.expect(outcome{State: set})
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
	heard.order(ping(2), pong{Token: 2, Owner: ownerSelf})
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
	for name, pid := range halfOpen {
		t.Run(name, func(t *testing.T) { s := *s; s.T = t; testBuryHalfOpen(t, &s, pid) })
	}
}

func testBuryHalfOpen(t *testing.T, s *homes.Site, pid func(h *held) int) {
	old, oldAgent := overHold(s, claim)
	old.expect(outcome{State: set})
	stopped := pid(old)
	homes.Check(t, syscall.Kill(stopped, syscall.SIGSTOP))
	hanging := s.Account.Command(t.Context(), "ssh-add", "-l")
	hanging.Env = append(hanging.Env, "SSH_AUTH_SOCK="+s.Link())
	homes.Check(t, hanging.Start())
	homes.Eventually(t, "it hangs", func() bool { return readsSocket(hanging.Process.Pid) })

	h, agent := overHold(s, reclaim(true, oldAgent))
	h.expect(outcome{State: set})
	compare(t, "target", agent, s.Target())
	h.order(bury(h.sshd, agent), buried{})
	h.order(bury(process{PID: old.sshd.PID, Start: old.sshd.Start + "0"}, ""), buried{})
	h.order(bury(process{PID: parentOf(h.sshd.PID), Start: homes.ProcStat(parentOf(h.sshd.PID))[19]}, ""), buried{}) // root's
	h.order(bury(old.sshd, oldAgent), buried{Done: true})
	if err := hanging.Wait(); err == nil {
		t.Error("the hanging program got an answer")
	}
	homes.Eventually(t, "sshd ends", homes.Gone(old.sshd.PID))
	h.order(ping(1), pong{Token: 1, Owner: ownerSelf})
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
