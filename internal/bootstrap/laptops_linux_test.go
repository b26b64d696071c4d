package bootstrap

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mosha-ssh/mosha/internal/lab"
)

// TestTwoLaptops has two of them share an account.
func TestTwoLaptops(t *testing.T) {
	t.Parallel()
	s := newSite(t).login(t, "bash")
	a, agentA := s.hold(Claim)
	a.expect(Link{State: LinkSet})
	b, agentB := s.hold(Claim)
	b.expect(Link{State: LinkSet})
	compare(t, "target", agentB, s.target())
	a.order(Ping(1), Pong{Token: 1, Owner: OwnerOther})

	t.Log("a comes back, b lives")
	check(t, a.Close())
	a, agentA = s.hold(Reclaim(true, agentA))
	a.expect(Link{State: LinkKept})
	compare(t, "target", agentB, s.target())

	t.Log("b is lost")
	s.kill(b)
	a.order(Ping(2), Pong{Token: 2, Owner: OwnerSelf})
	compare(t, "target", byRepair(agentA), s.target())
	compare(t, "keys", s.key.Pub, s.keys())

	t.Log("b comes back")
	b, agentB = s.hold(Reclaim(true, agentB))
	b.expect(Link{State: LinkSet})
	compare(t, "target", agentB, s.target())
	a.order(Ping(3), Pong{Token: 3, Owner: OwnerOther})

	t.Log("b loses its connection, a does not notice")
	s.kill(b)
	b, agentB = s.hold(Reclaim(true, agentB))
	b.expect(Link{State: LinkSet})
	compare(t, "target", agentB, s.target())

	t.Log("b ends")
	_, err := b.Write([]byte(Quit))
	check(t, err)
	b.end()
	a.order(Ping(4), Pong{Token: 4, Owner: OwnerSelf})
	compare(t, "target", byRepair(agentA), s.target())
	check(t, s.sshd.KillSessions())
	check(t, s.account.WaitGone(t.Context(), ""))
}

// kill kills (SIGKILL) the sshd of a holder, which leaves its socket behind.
func (s *site) kill(h *held) {
	s.t.Helper()
	check(s.t, syscall.Kill(h.sshd.PID, syscall.SIGKILL))
	h.end()
	eventually(s.t, "sshd ends", gone(h.sshd.PID))
}

// TestLoginTakesTheLink logs in without mosha, and out.
func TestLoginTakesTheLink(t *testing.T) {
	t.Parallel()
	s := newSite(t).login(t, "bash")
	setUp(t, s)
	h, agent := s.hold(Claim)
	h.expect(Link{State: LinkSet})
	login, err := startShell(t, s.ssh("-A", "-tt", "cat"), nil)
	check(t, err)
	eventually(t, "the login takes the link", func() bool { return s.target() != agent })
	taken := s.target()
	h.order(Ping(1), Pong{Token: 1, Owner: OwnerOther})
	h.order(Reclaim(true, agent), Link{State: LinkKept})
	_, err = login.Write([]byte{'D' & 0x1f}) // the end of cat's input
	check(t, err)
	check(t, login.Close())
	eventually(t, "its socket goes", func() bool { _, err := os.Stat(taken); return os.IsNotExist(err) })
	h.order(Ping(2), Pong{Token: 2, Owner: OwnerSelf})
	compare(t, "target", byRepair(agent), s.target())

	t.Log("~/.ssh/rc finds no link when a connection begins")
	check(t, os.Remove(s.link()))
	h, agent = s.hold(Reclaim(false, agent))
	h.expect(Link{State: LinkSet})
	compare(t, "target", byRepair(agent), s.target())
}

// TestSleepingLaptop stops the owner's sshd, whose socket then takes
// connections and does not answer.
func TestSleepingLaptop(t *testing.T) {
	t.Parallel()
	s := newSite(t).login(t, "bash")
	a, agentA := s.hold(Claim)
	a.expect(Link{State: LinkSet})
	b, agentB := s.holdEvery(Claim, 2*time.Second) // long enough for the lines up to its stop, on any machine
	b.expect(Link{State: LinkSet})
	a.order(Ping(1), Pong{Token: 1, Owner: OwnerOther})
	b.order(Ping(1), Pong{Token: 1, Owner: OwnerSelf})
	check(t, syscall.Kill(b.sshd.PID, syscall.SIGSTOP))
	eventually(t, "b gives the link up", func() bool { return s.target() == "" })
	a.order(Ping(2), Pong{Token: 2, Owner: OwnerSelf})
	compare(t, "target", byRepair(agentA), s.target())
	compare(t, "keys", s.key.Pub, s.keys())
	check(t, syscall.Kill(b.sshd.PID, syscall.SIGCONT))
	b.order(Ping(2), Pong{Token: 2, Owner: OwnerSelf})
	compare(t, "target", agentB, s.target())
	compare(t, "keys", s.key.Pub, s.keys())
}

// TestNeverHeard has a connection break before its keeper can know of it: the
// holder gets no order. Then its sshd ends, and whoever hangs on the agent is
// free; one that was heard of stays.
func TestNeverHeard(t *testing.T) {
	t.Parallel()
	s := newSite(t).login(t, "bash")
	heard, heardAgent := s.hold(Claim)
	heard.expect(Link{State: LinkSet})
	heard.order(Ping(1), Pong{Token: 1, Owner: OwnerSelf})
	h, agent := s.holdEvery(Claim, time.Second)
	h.expect(Link{State: LinkSet})
	compare(t, "target", agent, s.target())
	laptop := h.cmd.(*lab.Cmd).Process.Pid
	check(t, syscall.Kill(laptop, syscall.SIGSTOP))
	hanging := s.account.Command(t.Context(), "ssh-add", "-l")
	hanging.Env = append(hanging.Env, "SSH_AUTH_SOCK="+s.link())
	check(t, hanging.Start())
	if err := hanging.Wait(); err == nil {
		t.Error("the hanging program got an answer")
	}
	eventually(t, "sshd ends", gone(h.sshd.PID))
	eventually(t, "its socket goes", func() bool { _, err := os.Stat(agent); return os.IsNotExist(err) })
	compare(t, "target", "", s.target())
	_ = syscall.Kill(laptop, syscall.SIGCONT)
	check(t, h.Close())
	heard.order(Ping(2), Pong{Token: 2, Owner: OwnerSelf})
	compare(t, "target", heardAgent, s.target())
	check(t, heard.Close())
	check(t, s.account.WaitGone(t.Context(), ""))
}

// TestBuryHalfOpen has a program hang on the agent of a connection whose other
// end no longer answers, and of one whose sshd does not run at all.
func TestBuryHalfOpen(t *testing.T) {
	t.Parallel()
	s := newSite(t).login(t, "bash")
	halfOpen := map[string]func(h *held) int{
		"laptop": func(h *held) int { return h.cmd.(*lab.Cmd).Process.Pid },
		"sshd":   func(h *held) int { return h.sshd.PID },
	}
	for name, process := range halfOpen {
		t.Run(name, func(t *testing.T) { s := *s; s.t = t; testBuryHalfOpen(t, &s, process) })
	}
}

func testBuryHalfOpen(t *testing.T, s *site, process func(h *held) int) {
	old, oldAgent := s.hold(Claim)
	old.expect(Link{State: LinkSet})
	stopped := process(old)
	check(t, syscall.Kill(stopped, syscall.SIGSTOP))
	hanging := s.account.Command(t.Context(), "ssh-add", "-l")
	hanging.Env = append(hanging.Env, "SSH_AUTH_SOCK="+s.link())
	check(t, hanging.Start())
	eventually(t, "it hangs", func() bool { return readsSocket(hanging.Process.Pid) })

	h, agent := s.hold(Reclaim(true, oldAgent))
	h.expect(Link{State: LinkSet})
	compare(t, "target", agent, s.target())
	h.order(Bury(h.sshd, agent), Buried{})
	h.order(Bury(Sshd{PID: old.sshd.PID, Start: old.sshd.Start + "0"}, ""), Buried{})
	h.order(Bury(Sshd{PID: parentOf(h.sshd.PID), Start: procStat(parentOf(h.sshd.PID))[19]}, ""), Buried{}) // root's
	h.order(Bury(old.sshd, oldAgent), Buried{Done: true})
	if err := hanging.Wait(); err == nil {
		t.Error("the hanging program got an answer")
	}
	eventually(t, "sshd ends", gone(old.sshd.PID))
	h.order(Ping(1), Pong{Token: 1, Owner: OwnerSelf})
	if _, err := os.Stat(oldAgent); !os.IsNotExist(err) {
		t.Errorf("its socket is left: %v", err)
	}
	compare(t, "target", agent, s.target())
	_ = syscall.Kill(stopped, syscall.SIGCONT)
	check(t, old.Close())
	check(t, h.Close())
	check(t, s.account.WaitGone(t.Context(), ""))
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
	parent, _ := strconv.Atoi(procStat(pid)[1])
	return parent
}
