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
	"github.com/mosha-ssh/mosha/internal/link"
)

// TestTwoLaptops lets two of them share an account.
func TestTwoLaptops(t *testing.T) {
	t.Parallel()
	s := newSite(t).login(t, "bash")
	a, agentA := s.hold(link.Claim)
	a.expect(link.Outcome{State: link.Set})
	b, agentB := s.hold(link.Claim)
	b.expect(link.Outcome{State: link.Set})
	compare(t, "target", agentB, s.target())
	a.order(link.Ping(1), link.Pong{Token: 1, Owner: link.OwnerOther})

	t.Log("a comes back, b lives")
	check(t, a.Close())
	a, agentA = s.hold(link.Reclaim(true, agentA))
	a.expect(link.Outcome{State: link.Kept})
	compare(t, "target", agentB, s.target())

	t.Log("b is lost")
	s.kill(b)
	a.order(link.Ping(2), link.Pong{Token: 2, Owner: link.OwnerSelf})
	compare(t, "target", byRepair(agentA), s.target())
	compare(t, "keys", s.key.Pub, s.keys())

	t.Log("b comes back")
	b, agentB = s.hold(link.Reclaim(true, agentB))
	b.expect(link.Outcome{State: link.Set})
	compare(t, "target", agentB, s.target())
	a.order(link.Ping(3), link.Pong{Token: 3, Owner: link.OwnerOther})

	t.Log("b loses its connection, a does not notice")
	s.kill(b)
	b, agentB = s.hold(link.Reclaim(true, agentB))
	b.expect(link.Outcome{State: link.Set})
	compare(t, "target", agentB, s.target())

	t.Log("b ends")
	_, err := b.Write([]byte(link.Quit))
	check(t, err)
	b.end()
	a.order(link.Ping(4), link.Pong{Token: 4, Owner: link.OwnerSelf})
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
	h, agent := s.hold(link.Claim)
	h.expect(link.Outcome{State: link.Set})
	login, err := startShell(t, s.ssh("-A", "-tt", "cat"), nil)
	check(t, err)
	eventually(t, "the login takes the link", func() bool { return s.target() != agent })
	taken := s.target()
	h.order(link.Ping(1), link.Pong{Token: 1, Owner: link.OwnerOther})
	h.order(link.Reclaim(true, agent), link.Outcome{State: link.Kept})
	_, err = login.Write([]byte{'D' & 0x1f}) // the end of cat's input
	check(t, err)
	check(t, login.Close())
	eventually(t, "its socket goes", func() bool { _, err := os.Stat(taken); return os.IsNotExist(err) })
	h.order(link.Ping(2), link.Pong{Token: 2, Owner: link.OwnerSelf})
	compare(t, "target", byRepair(agent), s.target())

	t.Log("~/.ssh/rc finds no link when a connection begins")
	check(t, os.Remove(s.link()))
	h, agent = s.hold(link.Reclaim(false, agent))
	h.expect(link.Outcome{State: link.Set})
	compare(t, "target", byRepair(agent), s.target())
}

// TestSleepingLaptop stops the owner's sshd, whose socket then takes
// connections and does not answer.
func TestSleepingLaptop(t *testing.T) {
	t.Parallel()
	s := newSite(t).login(t, "bash")
	a, agentA := s.hold(link.Claim)
	a.expect(link.Outcome{State: link.Set})
	b, agentB := s.holdEvery(link.Claim, 2*time.Second) // long enough for the lines up to its stop, on any machine
	b.expect(link.Outcome{State: link.Set})
	a.order(link.Ping(1), link.Pong{Token: 1, Owner: link.OwnerOther})
	b.order(link.Ping(1), link.Pong{Token: 1, Owner: link.OwnerSelf})
	check(t, syscall.Kill(b.sshd.PID, syscall.SIGSTOP))
	eventually(t, "b gives the link up", func() bool { return s.target() == "" })
	a.order(link.Ping(2), link.Pong{Token: 2, Owner: link.OwnerSelf})
	compare(t, "target", byRepair(agentA), s.target())
	compare(t, "keys", s.key.Pub, s.keys())
	check(t, syscall.Kill(b.sshd.PID, syscall.SIGCONT))
	b.order(link.Ping(2), link.Pong{Token: 2, Owner: link.OwnerSelf})
	compare(t, "target", agentB, s.target())
	compare(t, "keys", s.key.Pub, s.keys())
}

// TestNeverHeard lets a connection break before its keeper can know of it: the
// holder gets no order. Then its sshd ends, and whoever hangs on the agent is
// free; one that was heard of stays.
func TestNeverHeard(t *testing.T) {
	t.Parallel()
	s := newSite(t).login(t, "bash")
	heard, heardAgent := s.hold(link.Claim)
	heard.expect(link.Outcome{State: link.Set})
	heard.order(link.Ping(1), link.Pong{Token: 1, Owner: link.OwnerSelf})
	h, agent := s.holdEvery(link.Claim, time.Second)
	h.expect(link.Outcome{State: link.Set})
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
	heard.order(link.Ping(2), link.Pong{Token: 2, Owner: link.OwnerSelf})
	compare(t, "target", heardAgent, s.target())
	check(t, heard.Close())
	check(t, s.account.WaitGone(t.Context(), ""))
}

// TestBuryHalfOpen lets a program hang on the agent of a connection whose other
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
	old, oldAgent := s.hold(link.Claim)
	old.expect(link.Outcome{State: link.Set})
	stopped := process(old)
	check(t, syscall.Kill(stopped, syscall.SIGSTOP))
	hanging := s.account.Command(t.Context(), "ssh-add", "-l")
	hanging.Env = append(hanging.Env, "SSH_AUTH_SOCK="+s.link())
	check(t, hanging.Start())
	eventually(t, "it hangs", func() bool { return readsSocket(hanging.Process.Pid) })

	h, agent := s.hold(link.Reclaim(true, oldAgent))
	h.expect(link.Outcome{State: link.Set})
	compare(t, "target", agent, s.target())
	h.order(link.Bury(h.sshd, agent), link.Buried{})
	h.order(link.Bury(link.Sshd{PID: old.sshd.PID, Start: old.sshd.Start + "0"}, ""), link.Buried{})
	h.order(link.Bury(link.Sshd{PID: parentOf(h.sshd.PID), Start: procStat(parentOf(h.sshd.PID))[19]}, ""), link.Buried{}) // root's
	h.order(link.Bury(old.sshd, oldAgent), link.Buried{Done: true})
	if err := hanging.Wait(); err == nil {
		t.Error("the hanging program got an answer")
	}
	eventually(t, "sshd ends", gone(old.sshd.PID))
	h.order(link.Ping(1), link.Pong{Token: 1, Owner: link.OwnerSelf})
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
