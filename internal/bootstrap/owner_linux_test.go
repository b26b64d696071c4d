package bootstrap

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mosha-ssh/mosha/internal/lab"
	"github.com/mosha-ssh/mosha/internal/lab/labtest"
	"github.com/mosha-ssh/mosha/internal/link"
)

// procStat returns the fields of /proc/PID/stat from the third on, nil if there
// is no such process or it is a zombie.
func procStat(pid int) []string {
	stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) == 0 || fields[0] == "Z" {
		return nil
	}
	return fields
}

// inSession returns the processes of a session.
func inSession(leader int) (pids []int) {
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		pid, _ := strconv.Atoi(filepath.Base(dir))
		if f := procStat(pid); f != nil && f[3] == strconv.Itoa(leader) {
			pids = append(pids, pid)
		}
	}
	slices.Sort(pids)
	return pids
}

func (h *held) pid() int { return h.cmd.(*exec.Cmd).Process.Pid }

// eventually waits for a condition.
func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	check(t, lab.Eventually(t.Context(), what, func() (bool, error) { return cond(), nil }))
}

// TestHolderProcesses has the holder start no process for a ping while it has
// the link, and leave none behind.
func TestHolderProcesses(t *testing.T) {
	eachShell(t, func(t *testing.T, l *local) {
		t.Parallel()
		own := newAgents(l).start("own")
		h := l.hold(link.Claim, "SSH_AUTH_SOCK="+own)
		h.began(own)
		h.expect(link.Outcome{State: link.Set})
		h.order(link.Ping(0), link.Pong{Owner: link.OwnerSelf})
		eventually(t, "the watch sleeps", func() bool { return len(inSession(h.pid())) == 3 })
		const childFaults = 8 // cminflt, of children waited for: every process takes some
		processes, faults := inSession(h.pid()), procStat(h.pid())[childFaults]
		for token := range uint64(100) {
			h.order(link.Ping(token), link.Pong{Token: token, Owner: link.OwnerSelf})
		}
		compare(t, "processes", fmt.Sprint(processes), fmt.Sprint(inSession(h.pid())))
		compare(t, "faults of children", faults, procStat(h.pid())[childFaults])
		_ = h.Close()
		eventually(t, "processes gone", func() bool { return len(inSession(h.pid())) == 0 })
	})
}

// TestHolderKilled kills the holder alone.
func TestHolderKilled(t *testing.T) {
	eachShell(t, func(t *testing.T, l *local) {
		t.Parallel()
		own := newAgents(l).start("own")
		h := l.holdEvery(link.Claim, 100*time.Millisecond, "SSH_AUTH_SOCK="+own)
		h.began(own)
		h.expect(link.Outcome{State: link.Set})
		h.order(link.Ping(0), link.Pong{Owner: link.OwnerSelf})
		check(t, syscall.Kill(h.pid(), syscall.SIGKILL))
		h.end()
		eventually(t, "processes gone", func() bool { return len(inSession(h.pid())) == 0 })
	})
}

// TestSilence has pings cease, and come again.
func TestSilence(t *testing.T) {
	eachShell(t, func(t *testing.T, l *local) {
		t.Parallel()
		a := newAgents(l)
		own, other := a.start("own"), a.start("other")
		h := l.holdEvery(link.Claim, time.Hour, "SSH_AUTH_SOCK="+own)
		h.began(own)
		h.expect(link.Outcome{State: link.Set})
		h.order(link.Ping(1), link.Pong{Token: 1, Owner: link.OwnerSelf})
		nap := h.nap(0)
		for range 3 {
			h.order(link.Ping(1), link.Pong{Token: 1, Owner: link.OwnerSelf})
			nap = h.wake(nap)
			compare(t, "target after a ping", own, l.target())
		}
		nap = h.wake(nap)
		compare(t, "target without one", "", l.target())
		h.order(link.Ping(1), link.Pong{Token: 1, Owner: link.OwnerSelf})
		compare(t, "target after another", own, l.target())
		l.relink(other)
		nap = h.wake(h.wake(nap))
		compare(t, "the link of another", other, l.target())
		_ = h.Close()
		eventually(t, "the nap ends", gone(nap))
	})
}

// TestNeverPinged has no order come at all.
func TestNeverPinged(t *testing.T) {
	eachShell(t, func(t *testing.T, l *local) {
		t.Parallel()
		a := newAgents(l)
		own, other := a.start("own"), a.start("other")
		h := l.holdEvery(link.Claim, time.Hour, "SSH_AUTH_SOCK="+own)
		h.began(own)
		h.expect(link.Outcome{State: link.Set})
		nap := h.wake(h.nap(0))
		compare(t, "target", "", l.target())
		h.order(link.Ping(1), link.Pong{Token: 1, Owner: link.OwnerSelf})
		nap = h.wake(nap)
		compare(t, "target after a ping at last", own, l.target())
		l.relink(other)
		h.wake(nap)
		compare(t, "the link of another", other, l.target())
		_ = h.Close()

		t.Log("and end at once")
		h = l.holdEvery(link.Quit, time.Hour, "SSH_AUTH_SOCK="+own)
		h.began(own)
		h.end()
		h = l.holdEvery("", time.Hour, "SSH_AUTH_SOCK="+own)
		h.began(own)
		_ = h.Close()
		eventually(t, "processes gone", func() bool { return len(inSession(h.pid())) == 0 })
	})
}

// wake ends a nap, as patience does, and returns the next. The holder has seen
// to the link then.
func (h *held) wake(nap int) (next int) {
	h.t.Helper()
	check(h.t, syscall.Kill(nap, syscall.SIGTERM))
	return h.nap(nap)
}

// nap waits for a sleep(1) of the holder's other than the one before.
func (h *held) nap(before int) (pid int) {
	h.t.Helper()
	eventually(h.t, "another nap", func() bool {
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
func fakeSshd(t *testing.T, l *local, user int, name, command string) (*exec.Cmd, link.Sshd) {
	t.Helper()
	path, err := exec.LookPath("sleep")
	check(t, err)
	content, err := os.ReadFile(path)
	check(t, err)
	copied := filepath.Join(openDir(t), name)
	labtest.Program(t, copied, string(content))
	as := *l
	as.user = user
	c := as.command("sh", "-c", command, copied)
	c.Dir = "/"
	check(t, c.Start())
	t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
	eventually(t, "it runs", func() bool {
		comm, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", c.Process.Pid))
		return string(bytes.TrimSpace(comm)) == name
	})
	return c, link.Sshd{PID: c.Process.Pid, Start: procStat(c.Process.Pid)[19]}
}

const (
	obedient = `exec "$0" 1000`
	stubborn = `trap "" TERM; ` + obedient
)

func gone(pid int) func() bool { return func() bool { return procStat(pid) == nil } }

func TestBury(t *testing.T) {
	eachShell(t, func(t *testing.T, l *local) {
		t.Parallel()
		own := newAgents(l).start("own")
		h := l.hold(link.Claim, "SSH_AUTH_SOCK="+own)
		h.began(own)
		h.expect(link.Outcome{State: link.Set})
		sshd, s := fakeSshd(t, l, l.user, "sshd (x) y", obedient)
		other, o := fakeSshd(t, l, l.user, "notsshd", obedient)
		foreign, f := fakeSshd(t, l, l.user-1, "sshd", obedient)
		for _, wrong := range []link.Sshd{
			{}, o, f, {PID: s.PID, Start: s.Start + "1"}, {PID: other.Process.Pid, Start: s.Start},
			{PID: 1 << 30, Start: s.Start}, {PID: h.pid(), Start: procStat(h.pid())[19]},
		} {
			h.order(link.Bury(wrong, own), link.Buried{})
		}
		h.order(link.Order("bury 1 "+procStat(1)[19]+" -\n"), link.Buried{})
		check(t, sshd.Process.Signal(syscall.SIGSTOP))
		bear, b := fakeSshd(t, l, l.user, "dropbear", obedient)
		check(t, bear.Process.Signal(syscall.SIGSTOP))
		h.order(link.Bury(b, ""), link.Buried{Done: true})
		eventually(t, "dropbear ends", gone(b.PID))
		a := newAgents(l)
		live, dead := a.start("agent.1"), l.deadSocket(newAgents(l).dir, "agent.1")
		kept := l.deadSocket(newAgents(l).dir, "private")
		h.order(link.Bury(s, live), link.Buried{Done: true})
		eventually(t, "it ends", gone(s.PID))
		h.order(link.Bury(s, kept), link.Buried{})
		h.order(link.Bury(s, dead), link.Buried{})
		h.order(link.Ping(7), link.Pong{Token: 7, Owner: link.OwnerSelf})
		for _, left := range []string{live, kept, own} {
			if _, err := os.Stat(left); err != nil {
				t.Error(err)
			}
		}
		if _, err := os.Stat(filepath.Dir(dead)); !os.IsNotExist(err) {
			t.Errorf("the dead socket is left: %v", err)
		}
		for _, left := range []*exec.Cmd{other, foreign} {
			if gone(left.Process.Pid)() {
				t.Errorf("%v is gone", left.Args)
			}
		}
	})
}

// TestBuryTheStubborn: an sshd that does not end when it is told to.
func TestBuryTheStubborn(t *testing.T) {
	eachShell(t, func(t *testing.T, l *local) {
		t.Parallel()
		own := newAgents(l).start("own")
		for _, next := range []link.Order{link.Ping(1), link.Quit} {
			h := l.hold(link.Claim, "SSH_AUTH_SOCK="+own)
			h.began(own)
			h.expect(link.Outcome{State: link.Set})
			sshd, s := fakeSshd(t, l, l.user, "sshd", stubborn)
			tmp, err := os.MkdirTemp("/tmp", "ssh-")
			check(t, err)
			defer os.RemoveAll(tmp)
			l.own(tmp)
			h.order(link.Bury(s, l.deadSocket(tmp, "agent.1")), link.Buried{Done: true})
			if gone(sshd.Process.Pid)() {
				t.Error("it obeyed")
			}
			_, err = h.Write([]byte(next))
			check(t, err)
			eventually(t, "it ends", gone(s.PID))
			eventually(t, "its socket goes", func() bool { _, err := os.Stat(tmp); return os.IsNotExist(err) })
			_ = h.Close()
		}
	})
}
