package bootstrap

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mosha-ssh/mosha/internal/remotesh"
)

// finds starts a holder and checks which socket it takes for the forwarded one.
func (l *local) finds(what, want string, vars ...string) {
	l.t.Helper()
	l.t.Log(what)
	h := l.hold("", vars...)
	h.began(want)
	_ = h.Close()
}

// TestHolderFindsTheSocket lets a start-up file put something else into
// SSH_AUTH_SOCK than sshd did. It runs alone: holders of other tests would find
// by this process's pid what it puts there.
func TestHolderFindsTheSocket(t *testing.T) {
	eachShell(t, func(t *testing.T, l *local) {
		a := newAgents(l)
		other := a.start("other")
		l.lay(dir(".ssh/agent"), symlink(remotesh.LinkPath, other))
		trap := "SSH_AUTH_SOCK=" + filepath.Join(l.home, remotesh.LinkPath)
		l.finds("nothing", "", trap)
		l.finds("another program's socket", other, "SSH_AUTH_SOCK="+other)
		l.forwarding.OpenSSH = true
		l.finds("nothing, as OpenSSH does not name it so", "", "SSH_AUTH_SOCK="+other)
		testOwnAgent(l, a)
		testNewer(l, trap, other)
		testNewest(l, trap, other)
		testOlder(l, trap, other)
	})
}

// testOwnAgent: a person's own ssh-agent names its socket as sshd up to 10.0
// does, but by a process that is not sshd's.
func testOwnAgent(l *local, a agents) {
	l.finds("nothing, as the agent is the person's own", "", "SSH_AUTH_SOCK="+a.start("agent.1"))
	forced := a.start(a.sshdName())
	l.finds("that of an sshd, behind a forced command", forced, "SSH_AUTH_SOCK="+forced)
}

// testNewer: sshd from 10.1 on names no process.
func testNewer(l *local, trap, other string) {
	agents := agents{l: l, dir: filepath.Join(l.home, ".ssh/agent")}
	newest, older := agents.start("s.b.sshd.x"), agents.start("s.a.sshd.x")
	age := func(socket string, by time.Duration) {
		then := time.Now().Add(-by)
		check(l.t, os.Chtimes(socket, then, then))
	}
	age(older, time.Hour)
	agents.start("s.c.agent.x") // ssh-agent's own
	l.finds("the newest of several", newest, trap)
	l.finds("the newest rather than a stranger's", newest, "SSH_AUTH_SOCK="+other)
	l.finds("the newest, where a start-up file empties it", newest, "SSH_AUTH_SOCK=")
	l.finds("what sshd said rather than the newest", older, "SSH_AUTH_SOCK="+older)
	l.finds("nothing, as nothing is forwarded", "")
	l.forwarding.Known = older
	l.finds("what was found on this connection before", older, "SSH_AUTH_SOCK="+other)
	l.forwarding.Known = older + "-gone"
	l.finds("not that, when it is gone", newest, trap)
	l.forwarding.Known = ""
	age(newest, 10*time.Minute)
	l.finds("nothing, as another login made the newest", "", "SSH_AUTH_SOCK="+other)
	age(newest, time.Minute)
	dead := l.deadSocket(agents.dir, "s.d.sshd.x")
	l.finds("nothing, as nobody listens", "", "SSH_AUTH_SOCK=")
	check(l.t, os.Remove(dead))
}

// testNewest: sshd from 10.6 on names the process again, in any directory.
func testNewest(l *local, trap, other string) {
	home := agents{l: l, dir: filepath.Join(l.home, ".ssh/agent")}
	pid := strconv.Itoa(os.Getpid())
	of := strings.TrimPrefix(home.sshdName(), "agent.") // another login's
	foreign := home.start("s.z.sshd." + of + ".x")
	withoutPid := filepath.Join(home.dir, "s.b.sshd.x")
	age := func(by time.Duration) { check(l.t, os.Chtimes(withoutPid, time.Now().Add(-by), time.Now().Add(-by))) }
	age(time.Hour)
	l.finds("nothing, as another login made the newest", "", trap)
	age(time.Minute)
	l.finds("what sshd said, behind a forced command", foreign, "SSH_AUTH_SOCK="+foreign)
	for _, path := range []string{
		filepath.Join(home.dir, "s.y.sshd."+pid+".x"), filepath.Join(newAgentsIn(l, "a b-").dir, "s.y.sshd."+pid+".x"),
		filepath.Join(newAgents(l).dir, "agent.sshd."+pid),
	} {
		listener, err := net.Listen("unix", path)
		check(l.t, err)
		l.own(path)
		then := time.Now().Add(-time.Hour)
		check(l.t, os.Chtimes(path, then, then))
		for _, vars := range [][]string{nil, {trap}, {"SSH_AUTH_SOCK="}, {"SSH_AUTH_SOCK=" + other}, {"SSH_AUTH_SOCK=" + foreign}, {"SSH_AUTH_SOCK=" + path}} {
			l.finds("by the parent's pid", path, vars...)
		}
		check(l.t, listener.Close())
	}
}

// deadSocket makes a socket at which nobody listens.
func (l *local) deadSocket(dir, name string) string {
	l.t.Helper()
	path := filepath.Join(dir, name)
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
	check(l.t, err)
	l.abandon(listener)
	l.own(path)
	return path
}

// abandon closes a listener and leaves its socket. A process that another test
// starts at that moment has the listener too, until it runs its program.
func (l *local) abandon(listener *net.UnixListener) {
	l.t.Helper()
	listener.SetUnlinkOnClose(false)
	check(l.t, listener.Close())
	for {
		c, err := net.Dial("unix", listener.Addr().String())
		if err != nil {
			return
		}
		check(l.t, c.Close())
		time.Sleep(time.Millisecond)
	}
}

// testOlder: up to OpenSSH 10.0 the name has the shell's parent, which we are.
func testOlder(l *local, trap, other string) {
	newest := filepath.Join(l.home, ".ssh/agent/s.b.sshd.x")
	name := "agent." + strconv.Itoa(os.Getpid())
	foreign, err := os.MkdirTemp("/tmp", "ssh-")
	check(l.t, err)
	defer os.RemoveAll(foreign)
	check(l.t, os.Chmod(foreign, 0o755))
	fake, err := net.Listen("unix", filepath.Join(foreign, name))
	check(l.t, err)
	defer fake.Close()
	l.finds("not a socket of another user", newest, trap)
	a := newAgents(l)
	l.deadSocket(newAgents(l).dir, name)
	l.finds("not one that an earlier process of the pid has left", newest, trap)
	l.finds("nor where it is unset", "")
	own := a.start(name)
	l.finds("by the parent's pid", own, trap)
	l.finds("by the parent's pid, where a start-up file unsets it", own)
	l.finds("by the parent's pid, where a start-up file empties it", own, "SSH_AUTH_SOCK=")
	l.finds("by the parent's pid rather than a stranger's", own, "SSH_AUTH_SOCK="+other)
	l.finds("by the parent's pid rather than an agent of the person's own", own, "SSH_AUTH_SOCK="+a.start("agent.1"))
	twin := newAgents(l).start(name) // one of the two comes first in the listing
	for _, said := range []string{own, twin} {
		l.finds("what sshd said rather than what another of that pid left", said, "SSH_AUTH_SOCK="+said)
	}
}
