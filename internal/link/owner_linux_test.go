package link

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/mosha-ssh/mosha/internal/lab/homes"
	"github.com/mosha-ssh/mosha/internal/lab/labtest"
)

// inSession returns the processes of a session.
func inSession(leader int) (pids []int) {
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		pid, _ := strconv.Atoi(filepath.Base(dir))
		if f := homes.ProcStat(pid); f != nil && f[3] == strconv.Itoa(leader) {
			pids = append(pids, pid)
		}
	}
	slices.Sort(pids)
	return pids
}

func (h *held) pid() int { return h.Cmd.(*exec.Cmd).Process.Pid }

// TestHolderProcesses has the holder start no process for a ping while it has
// the link, and leave none behind.
func TestHolderProcesses(t *testing.T) {
	homes.EachShell(t, func(t *testing.T, l *homes.Local) {
		t.Parallel()
		own := homes.NewAgents(l).Start("own")
		h := hold(l, claim, "SSH_AUTH_SOCK="+own)
		h.began(own)
		h.expect(outcome{State: set})
		h.order(ping(0), pong{Owner: ownerSelf})
		homes.Eventually(t, "the watch sleeps", func() bool { return len(inSession(h.pid())) == 3 })
		const childFaults = 8 // cminflt, of children waited for: every process takes some
		processes, faults := inSession(h.pid()), homes.ProcStat(h.pid())[childFaults]
		for token := range uint64(100) {
			h.order(ping(token), pong{Token: token, Owner: ownerSelf})
		}
		compare(t, "processes", fmt.Sprint(processes), fmt.Sprint(inSession(h.pid())))
		compare(t, "faults of children", faults, homes.ProcStat(h.pid())[childFaults])
		_ = h.Close()
		homes.Eventually(t, "processes gone", func() bool { return len(inSession(h.pid())) == 0 })
	})
}

// TestHolderKilled kills the holder alone.
func TestHolderKilled(t *testing.T) {
	homes.EachShell(t, func(t *testing.T, l *homes.Local) {
		t.Parallel()
		own := homes.NewAgents(l).Start("own")
		h := holdEvery(l, claim, 100*time.Millisecond, "SSH_AUTH_SOCK="+own)
		h.began(own)
		h.expect(outcome{State: set})
		h.order(ping(0), pong{Owner: ownerSelf})
		homes.Check(t, syscall.Kill(h.pid(), syscall.SIGKILL))
		h.end()
		homes.Eventually(t, "processes gone", func() bool { return len(inSession(h.pid())) == 0 })
	})
}

// TestSilence has pings cease, and come again.
func TestSilence(t *testing.T) {
	homes.EachShell(t, func(t *testing.T, l *homes.Local) {
		t.Parallel()
		a := homes.NewAgents(l)
		own, other := a.Start("own"), a.Start("other")
		h := holdEvery(l, claim, time.Hour, "SSH_AUTH_SOCK="+own)
		h.began(own)
		h.expect(outcome{State: set})
		h.order(ping(1), pong{Token: 1, Owner: ownerSelf})
		nap := h.nap(0)
		for range 3 {
			h.order(ping(1), pong{Token: 1, Owner: ownerSelf})
			nap = h.wake(nap)
			compare(t, "target after a ping", own, l.Target())
		}
		nap = h.wake(nap)
		compare(t, "target without one", "", l.Target())
		h.order(ping(1), pong{Token: 1, Owner: ownerSelf})
		compare(t, "target after another", own, l.Target())
		l.Relink(other)
		nap = h.wake(h.wake(nap))
		compare(t, "the link of another", other, l.Target())
		_ = h.Close()
		homes.Eventually(t, "the nap ends", homes.Gone(nap))
	})
}

// TestNeverPinged has no order come at all.
func TestNeverPinged(t *testing.T) {
	homes.EachShell(t, func(t *testing.T, l *homes.Local) {
		t.Parallel()
		a := homes.NewAgents(l)
		own, other := a.Start("own"), a.Start("other")
		h := holdEvery(l, claim, time.Hour, "SSH_AUTH_SOCK="+own)
		h.began(own)
		h.expect(outcome{State: set})
		nap := h.wake(h.nap(0))
		compare(t, "target", "", l.Target())
		h.order(ping(1), pong{Token: 1, Owner: ownerSelf})
		nap = h.wake(nap)
		compare(t, "target after a ping at last", own, l.Target())
		l.Relink(other)
		h.wake(nap)
		compare(t, "the link of another", other, l.Target())
		_ = h.Close()

		t.Log("and end at once")
		h = holdEvery(l, quit, time.Hour, "SSH_AUTH_SOCK="+own)
		h.began(own)
		h.end()
		h = holdEvery(l, "", time.Hour, "SSH_AUTH_SOCK="+own)
		h.began(own)
		_ = h.Close()
		homes.Eventually(t, "processes gone", func() bool { return len(inSession(h.pid())) == 0 })
	})
}

// wake ends a nap, as patience does, and returns the next. The holder has seen
// to the link then.
func (h *held) wake(nap int) (next int) {
	h.t.Helper()
	homes.Check(h.t, syscall.Kill(nap, syscall.SIGTERM))
	return h.nap(nap)
}

// nap waits for a sleep(1) of the holder's other than the one before.
func (h *held) nap(before int) (pid int) {
	h.t.Helper()
	homes.Eventually(h.t, "another nap", func() bool {
		for _, pid = range inSession(h.pid()) {
			args, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
			if pid != before && string(args) == "sleep\x0010800\x00" {
				return true
			}
		}
		return false
	})
	return pid
}

// fakeSshd starts sleep(1) under another name, by way of a shell command, and
// returns it and its stamp.
func fakeSshd(t *testing.T, l *homes.Local, user int, name, command string) (*exec.Cmd, process) {
	t.Helper()
	path, err := exec.LookPath("sleep")
	homes.Check(t, err)
	content, err := os.ReadFile(path)
	homes.Check(t, err)
	copied := filepath.Join(homes.OpenDir(t), name)
	labtest.Program(t, copied, string(content))
	as := *l
	as.User = user
	c := as.Command("sh", "-c", command, copied)
	c.Dir = "/"
	homes.Check(t, c.Start())
	t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
	homes.Eventually(t, "it runs", func() bool {
		comm, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", c.Process.Pid))
		return string(bytes.TrimSpace(comm)) == name
	})
	return c, process{PID: c.Process.Pid, Start: homes.ProcStat(c.Process.Pid)[19]}
}

const (
	obedient = `exec "$0" 1000`
	stubborn = `trap "" TERM; ` + obedient
)

func TestBury(t *testing.T) {
	homes.EachShell(t, func(t *testing.T, l *homes.Local) {
		t.Parallel()
		own := homes.NewAgents(l).Start("own")
		h := hold(l, claim, "SSH_AUTH_SOCK="+own)
		h.began(own)
		h.expect(outcome{State: set})
		sshd, s := fakeSshd(t, l, l.User, "sshd (x) y", obedient)
		other, o := fakeSshd(t, l, l.User, "notsshd", obedient)
		foreign, f := fakeSshd(t, l, l.User-1, "sshd", obedient)
		for _, wrong := range []process{
			{}, o, f, {PID: s.PID, Start: s.Start + "1"}, {PID: other.Process.Pid, Start: s.Start},
			{PID: 1 << 30, Start: s.Start}, {PID: h.pid(), Start: homes.ProcStat(h.pid())[19]},
		} {
			h.order(bury(wrong, own), buried{})
		}
		h.order(order("bury 1 "+homes.ProcStat(1)[19]+" -\n"), buried{})
		homes.Check(t, sshd.Process.Signal(syscall.SIGSTOP))
		bear, b := fakeSshd(t, l, l.User, "dropbear", obedient)
		homes.Check(t, bear.Process.Signal(syscall.SIGSTOP))
		h.order(bury(b, ""), buried{Done: true})
		homes.Eventually(t, "dropbear ends", homes.Gone(b.PID))
		a := homes.NewAgents(l)
		live, dead := a.Start("agent.1"), l.DeadSocket(homes.NewAgents(l).Dir, "agent.1")
		kept := l.DeadSocket(homes.NewAgents(l).Dir, "private")
		h.order(bury(s, live), buried{Done: true})
		homes.Eventually(t, "it ends", homes.Gone(s.PID))
		h.order(bury(s, kept), buried{})
		h.order(bury(s, dead), buried{})
		h.order(ping(7), pong{Token: 7, Owner: ownerSelf})
		for _, left := range []string{live, kept, own} {
			if _, err := os.Stat(left); err != nil {
				t.Error(err)
			}
		}
		if _, err := os.Stat(filepath.Dir(dead)); !os.IsNotExist(err) {
			t.Errorf("the dead socket is left: %v", err)
		}
		for _, left := range []*exec.Cmd{other, foreign} {
			if homes.Gone(left.Process.Pid)() {
				t.Errorf("%v is gone", left.Args)
			}
		}
	})
}

// TestBuryTheStubborn: an sshd that does not end when it is told to.
func TestBuryTheStubborn(t *testing.T) {
	homes.EachShell(t, func(t *testing.T, l *homes.Local) {
		t.Parallel()
		own := homes.NewAgents(l).Start("own")
		for _, next := range []order{ping(1), quit} {
			h := hold(l, claim, "SSH_AUTH_SOCK="+own)
			h.began(own)
			h.expect(outcome{State: set})
			sshd, s := fakeSshd(t, l, l.User, "sshd", stubborn)
			tmp, err := os.MkdirTemp("/tmp", "ssh-")
			homes.Check(t, err)
			defer os.RemoveAll(tmp)
			l.Own(tmp)
			h.order(bury(s, l.DeadSocket(tmp, "agent.1")), buried{Done: true})
			if homes.Gone(sshd.Process.Pid)() {
				t.Error("it obeyed")
			}
			_, err = h.Write([]byte(next))
			homes.Check(t, err)
			homes.Eventually(t, "it ends", homes.Gone(s.PID))
			homes.Eventually(t, "its socket goes", func() bool { _, err := os.Stat(tmp); return os.IsNotExist(err) })
			_ = h.Close()
		}
	})
}
