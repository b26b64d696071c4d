package link

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mosha-ssh/mosha/internal/lab/homes"
	"github.com/mosha-ssh/mosha/internal/remotesh"
)

// finds starts a holder and checks which socket it takes for the forwarded one.
func finds(l *homes.Local, what, want string, vars ...string) {
	l.T.Helper()
	l.T.Log(what)
	h := hold(l, "", vars...)
	h.began(want)
	_ = h.Close()
}

// TestHolderFindsTheSocket lets a start-up file put something else into
// SSH_AUTH_SOCK than sshd did. It runs alone: holders of other tests would find
// by this process's pid what it puts there.
func TestHolderFindsTheSocket(t *testing.T) {
	homes.EachShell(t, func(t *testing.T, l *homes.Local) {
		a := homes.NewAgents(l)
		other := a.Start("other")
		l.Lay(homes.Dir(".ssh/agent"), homes.Symlink(remotesh.LinkPath, other))
		trap := "SSH_AUTH_SOCK=" + filepath.Join(l.Home, remotesh.LinkPath)
		finds(l, "nothing", "", trap)
		finds(l, "another program's socket", other, "SSH_AUTH_SOCK="+other)
		l.OpenSSH = true
		finds(l, "nothing, as OpenSSH does not name it so", "", "SSH_AUTH_SOCK="+other)
		testOwnAgent(l, a)
		testNewer(l, trap, other)
		testNewest(l, trap, other)
		testOlder(l, trap, other)
	})
}

// testOwnAgent: a person's own ssh-agent names its socket as sshd up to 10.0
// does, but by a process that is not sshd's.
func testOwnAgent(l *homes.Local, a homes.Agents) {
	finds(l, "nothing, as the agent is the person's own", "", "SSH_AUTH_SOCK="+a.Start("agent.1"))
	forced := a.Start(a.SshdName())
	finds(l, "that of an sshd, behind a forced command", forced, "SSH_AUTH_SOCK="+forced)
}

// testNewer: sshd from 10.1 on names no process.
func testNewer(l *homes.Local, trap, other string) {
	agents := homes.Agents{L: l, Dir: filepath.Join(l.Home, ".ssh/agent")}
	newest, older := agents.Start("s.b.sshd.x"), agents.Start("s.a.sshd.x")
	age := func(socket string, by time.Duration) {
		then := time.Now().Add(-by)
		homes.Check(l.T, os.Chtimes(socket, then, then))
	}
	age(older, time.Hour)
	agents.Start("s.c.agent.x") // ssh-agent's own
	finds(l, "the newest of several", newest, trap)
	finds(l, "the newest rather than a stranger's", newest, "SSH_AUTH_SOCK="+other)
	finds(l, "the newest, where a start-up file empties it", newest, "SSH_AUTH_SOCK=")
	finds(l, "what sshd said rather than the newest", older, "SSH_AUTH_SOCK="+older)
	finds(l, "nothing, as nothing is forwarded", "")
	l.Known = older
	finds(l, "what was found on this connection before", older, "SSH_AUTH_SOCK="+other)
	l.Known = older + "-gone"
	finds(l, "not that, when it is gone", newest, trap)
	l.Known = ""
	age(newest, 10*time.Minute)
	finds(l, "nothing, as another login made the newest", "", "SSH_AUTH_SOCK="+other)
	age(newest, time.Minute)
	dead := l.DeadSocket(agents.Dir, "s.d.sshd.x")
	finds(l, "nothing, as nobody listens", "", "SSH_AUTH_SOCK=")
	homes.Check(l.T, os.Remove(dead))
}

// testNewest: sshd from 10.6 on names the process again, in any directory.
func testNewest(l *homes.Local, trap, other string) {
	home := homes.Agents{L: l, Dir: filepath.Join(l.Home, ".ssh/agent")}
	pid := strconv.Itoa(os.Getpid())
	of := strings.TrimPrefix(home.SshdName(), "agent.") // another login's
	foreign := home.Start("s.z.sshd." + of + ".x")
	withoutPid := filepath.Join(home.Dir, "s.b.sshd.x")
	age := func(by time.Duration) {
		homes.Check(l.T, os.Chtimes(withoutPid, time.Now().Add(-by), time.Now().Add(-by)))
	}
	age(time.Hour)
	finds(l, "nothing, as another login made the newest", "", trap)
	age(time.Minute)
	finds(l, "what sshd said, behind a forced command", foreign, "SSH_AUTH_SOCK="+foreign)
	for _, path := range []string{
		filepath.Join(home.Dir, "s.y.sshd."+pid+".x"), filepath.Join(homes.NewAgentsIn(l, "a b-").Dir, "s.y.sshd."+pid+".x"),
		filepath.Join(homes.NewAgents(l).Dir, "agent.sshd."+pid),
	} {
		listener, err := net.Listen("unix", path)
		homes.Check(l.T, err)
		l.Own(path)
		then := time.Now().Add(-time.Hour)
		homes.Check(l.T, os.Chtimes(path, then, then))
		for _, vars := range [][]string{nil, {trap}, {"SSH_AUTH_SOCK="}, {"SSH_AUTH_SOCK=" + other}, {"SSH_AUTH_SOCK=" + foreign}, {"SSH_AUTH_SOCK=" + path}} {
			finds(l, "by the parent's pid", path, vars...)
		}
		homes.Check(l.T, listener.Close())
	}
}

// testOlder: up to OpenSSH 10.0 the name has the shell's parent, which we are.
func testOlder(l *homes.Local, trap, other string) {
	newest := filepath.Join(l.Home, ".ssh/agent/s.b.sshd.x")
	name := "agent." + strconv.Itoa(os.Getpid())
	foreign, err := os.MkdirTemp("/tmp", "ssh-")
	homes.Check(l.T, err)
	defer os.RemoveAll(foreign)
	homes.Check(l.T, os.Chmod(foreign, 0o755))
	fake, err := net.Listen("unix", filepath.Join(foreign, name))
	homes.Check(l.T, err)
	defer fake.Close()
	finds(l, "not a socket of another user", newest, trap)
	a := homes.NewAgents(l)
	l.DeadSocket(homes.NewAgents(l).Dir, name)
	finds(l, "not one that an earlier process of the pid has left", newest, trap)
	finds(l, "nor where it is unset", "")
	own := a.Start(name)
	finds(l, "by the parent's pid", own, trap)
	finds(l, "by the parent's pid, where a start-up file unsets it", own)
	finds(l, "by the parent's pid, where a start-up file empties it", own, "SSH_AUTH_SOCK=")
	finds(l, "by the parent's pid rather than a stranger's", own, "SSH_AUTH_SOCK="+other)
	finds(l, "by the parent's pid rather than an agent of the person's own", own, "SSH_AUTH_SOCK="+a.Start("agent.1"))
	twin := homes.NewAgents(l).Start(name) // one of the two comes first in the listing
	for _, said := range []string{own, twin} {
		finds(l, "what sshd said rather than what another of that pid left", said, "SSH_AUTH_SOCK="+said)
	}
}
