package link

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/mosha-ssh/mosha/internal/lab/homes"
)

// evil is what another user puts beside a socket of the person's to have a
// directory of her own taken for sshd's. name is the socket's.
type evil struct {
	name string
	make func(t *testing.T, dir, real, name string)
}

var evils = []evil{
	{"a link to the real directory", func(t *testing.T, dir, real, _ string) {
		homes.Check(t, os.Symlink(real, dir))
		homes.Check(t, os.Lchown(dir, homes.Mallory, homes.Mallory))
	}},
	{"a directory of hers with a link to the socket", func(t *testing.T, dir, real, name string) {
		homes.Check(t, os.Mkdir(dir, 0o755))
		homes.Check(t, os.Symlink(filepath.Join(real, name), filepath.Join(dir, name)))
		homes.Check(t, os.Lchown(dir, homes.Mallory, homes.Mallory))
	}},
	{"a directory of hers with the socket under another name", func(t *testing.T, dir, real, name string) {
		homes.Check(t, os.Mkdir(dir, 0o755))
		homes.Check(t, os.Link(filepath.Join(real, name), filepath.Join(dir, name)))
		homes.Check(t, os.Lchown(dir, homes.Mallory, homes.Mallory))
	}},
	{"a directory in which she may write", func(t *testing.T, dir, real, name string) {
		homes.Check(t, os.Mkdir(dir, 0o755))
		homes.Check(t, os.Chmod(dir, 0o777))
		homes.Check(t, os.Link(filepath.Join(real, name), filepath.Join(dir, name)))
		homes.Check(t, os.Lchown(dir, homes.Nobody, homes.Nobody))
	}},
}

// eachEvil runs a test with one of them after the other. path is that of the
// socket in her directory, whose name comes before every other.
func eachEvil(l *homes.Local, real, name string, test func(what, path string)) {
	l.T.Helper()
	for _, e := range evils {
		dir := filepath.Join("/tmp", "ssh-000"+strconv.Itoa(os.Getpid()))
		e.make(l.T, dir, real, name)
		test(e.name, filepath.Join(dir, name))
		homes.Check(l.T, os.RemoveAll(dir))
	}
}

// TestAnotherUsersDirectory lets another user lead sshd's name of the socket to
// a place of hers, from which she could change it later. It runs alone, as
// TestHolderFindsTheSocket does.
func TestAnotherUsersDirectory(t *testing.T) {
	homes.EachShell(t, func(t *testing.T, l *homes.Local) {
		l.OpenSSH = true
		a := homes.NewAgents(l)
		homes.Check(t, os.Chmod(a.Dir, 0o755)) // she may look into it
		name := "agent." + strconv.Itoa(os.Getpid())
		own := a.Start(name)
		eachEvil(l, a.Dir, name, func(what, path string) {
			finds(l, what+", empty", own, "SSH_AUTH_SOCK=")
			finds(l, what+", named by a start-up file", own, "SSH_AUTH_SOCK="+path)
			l.Known = path
			finds(l, what+", found before", own)
			l.Known = ""
		})
		sshd := homes.NewAgents(l)
		rcSocket := sshd.SshdName()
		sshd.Start(rcSocket)
		eachEvil(l, sshd.Dir, rcSocket, func(what, path string) {
			l := l.Another(t)
			setUp(t, l)
			sh := l.Command(append(l.Argv, ".ssh/rc")...)
			sh.Env = append(sh.Env, "SSH_AUTH_SOCK="+path, "SSH_TTY=/dev/pts/99")
			homes.Check(t, sh.Run())
			compare(t, "what ~/.ssh/rc makes of "+what, "", l.Target())
		})
	})
}

// TestAnotherUsersWay lets another user name a socket of the person's in the
// list of sockets by a way that she can lead elsewhere later. It runs alone, as
// TestHolderFindsTheSocket does.
func TestAnotherUsersWay(t *testing.T) {
	homes.EachShell(t, func(t *testing.T, l *homes.Local) {
		l.OpenSSH = true
		a := homes.NewAgentsIn(l, "run-")
		below := homes.Agents{L: l, Dir: filepath.Join(a.Dir, "d")}
		homes.Check(t, os.Mkdir(below.Dir, 0o755))
		l.Own(below.Dir)
		name := "s.y.sshd." + strconv.Itoa(os.Getpid()) + ".x"
		homes.Check(t, os.Rename(below.Start("x"), filepath.Join(below.Dir, name))) // so that the list has hers alone
		way := filepath.Join("/tmp", "evil"+strconv.Itoa(os.Getpid()))
		homes.Check(t, os.Symlink(a.Dir, way))
		defer os.Remove(way)
		homes.Check(t, os.Lchown(way, homes.Mallory, homes.Mallory))
		listener, err := net.Listen("unix", "@x\n0: 2 0 00010000 1 1 1 "+filepath.Join(way, "d", name))
		homes.Check(t, err)
		defer listener.Close()
		finds(l, "the socket by its own way", filepath.Join(below.Dir, name), "SSH_AUTH_SOCK=")
	})
}

// TestAnotherUsersSocket: what an sshd has removed another user makes anew, and
// the link that led there leads to her agent.
func TestAnotherUsersSocket(t *testing.T) {
	homes.EachShell(t, func(t *testing.T, l *homes.Local) {
		t.Parallel()
		a := homes.NewAgents(l)
		own := a.Start("own")
		theirs := homes.NewAgents(l)
		hers := theirs.Anothers("agent.1")
		homes.Check(t, os.Chown(theirs.Dir, homes.Mallory, homes.Mallory))
		h := hold(l, "", "SSH_AUTH_SOCK="+own)
		h.began(own)
		for _, text := range []string{hers, homes.ByRepair(hers)} {
			l.Relink(text)
			h.order(ping(1), pong{Token: 1, Owner: ownerSelf})
			compare(t, "target", homes.ByRepair(own), l.Target())
		}
	})
}

// TestNamesOfOtherSockets lets others listen at sockets whose names end as that
// of a dead one does.
func TestNamesOfOtherSockets(t *testing.T) {
	homes.EachShell(t, func(t *testing.T, l *homes.Local) {
		t.Parallel()
		a := homes.NewAgents(l)
		own := a.Start("own")
		h := hold(l, "", "SSH_AUTH_SOCK="+own)
		h.began(own)
		dead := l.DeadSocket(a.Dir, "two  blanks")
		below := filepath.Join(a.Dir, " "+dead)
		homes.Check(t, os.MkdirAll(filepath.Dir(below), 0o755))
		connected, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: below + "1", Net: "unixgram"})
		homes.Check(t, err)
		defer connected.Close()
		for _, name := range []string{"@" + dead, "@x " + dead, below, dead + "er"} {
			listener, err := net.Listen("unix", name)
			homes.Check(t, err)
			defer listener.Close()
		}
		l.Relink(dead)
		h.order(ping(1), pong{Token: 1, Owner: ownerSelf})
		compare(t, "target", homes.ByRepair(own), l.Target())

		t.Log("a socket that takes no connections, under the very name")
		homes.Check(t, os.Remove(dead))
		datagrams, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: dead, Net: "unixgram"})
		homes.Check(t, err)
		defer datagrams.Close()
		l.Own(dead)
		l.Relink(dead)
		h.order(ping(2), pong{Token: 2, Owner: ownerSelf})

		t.Log("a line of the list in the name of another's")
		for token, name := range []string{"agent.1", "agent.sshd.1", "s.x.sshd.1.y"} {
			dead := l.DeadSocket(a.Dir, name)
			listener, err := net.Listen("unix", "@x\n0: 2 0 00010000 1 1 1 "+dead)
			homes.Check(t, err)
			defer listener.Close()
			l.Relink(dead)
			h.order(ping(uint64(token)), pong{Token: uint64(token), Owner: ownerSelf})
			compare(t, "target", homes.ByRepair(own), l.Target())
		}

		t.Log("a live one")
		live := filepath.Join(a.Dir, "more  blanks")
		homes.Check(t, os.Rename(a.Start("x"), filepath.Join(a.Dir, "moved")))
		a.Start("more  blanks")
		l.Relink(live)
		h.order(ping(3), pong{Token: 3, Owner: ownerOther})
	})
}
