package bootstrap

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/mosha-ssh/mosha/internal/link"
)

// mallory is another user of the machine.
const mallory = nobody - 1

// anothers lets another user listen at a socket, and returns it.
func (a agents) anothers(name string) string {
	t := a.l.t
	t.Helper()
	socket := filepath.Join(a.dir, name)
	listener, err := net.Listen("unix", socket)
	check(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	check(t, os.Chmod(socket, 0o777))
	check(t, os.Chown(socket, mallory, mallory))
	return socket
}

// evil is what another user puts beside a socket of the person's to have a
// directory of her own taken for sshd's. name is the socket's.
type evil struct {
	name string
	make func(t *testing.T, dir, real, name string)
}

var evils = []evil{
	{"a link to the real directory", func(t *testing.T, dir, real, _ string) {
		check(t, os.Symlink(real, dir))
		check(t, os.Lchown(dir, mallory, mallory))
	}},
	{"a directory of hers with a link to the socket", func(t *testing.T, dir, real, name string) {
		check(t, os.Mkdir(dir, 0o755))
		check(t, os.Symlink(filepath.Join(real, name), filepath.Join(dir, name)))
		check(t, os.Lchown(dir, mallory, mallory))
	}},
	{"a directory of hers with the socket under another name", func(t *testing.T, dir, real, name string) {
		check(t, os.Mkdir(dir, 0o755))
		check(t, os.Link(filepath.Join(real, name), filepath.Join(dir, name)))
		check(t, os.Lchown(dir, mallory, mallory))
	}},
	{"a directory in which she may write", func(t *testing.T, dir, real, name string) {
		check(t, os.Mkdir(dir, 0o755))
		check(t, os.Chmod(dir, 0o777))
		check(t, os.Link(filepath.Join(real, name), filepath.Join(dir, name)))
		check(t, os.Lchown(dir, nobody, nobody))
	}},
}

// eachEvil runs a test with one of them after the other. path is that of the
// socket in her directory, whose name comes before every other.
func eachEvil(l *local, real, name string, test func(what, path string)) {
	l.t.Helper()
	for _, e := range evils {
		dir := filepath.Join("/tmp", "ssh-000"+strconv.Itoa(os.Getpid()))
		e.make(l.t, dir, real, name)
		test(e.name, filepath.Join(dir, name))
		check(l.t, os.RemoveAll(dir))
	}
}

// TestAnotherUsersDirectory lets another user lead sshd's name of the socket to
// a place of hers, from which she could change it later. It runs alone, as
// TestHolderFindsTheSocket does.
func TestAnotherUsersDirectory(t *testing.T) {
	eachShell(t, func(t *testing.T, l *local) {
		l.forwarding.OpenSSH = true
		a := newAgents(l)
		check(t, os.Chmod(a.dir, 0o755)) // she may look into it
		name := "agent." + strconv.Itoa(os.Getpid())
		own := a.start(name)
		eachEvil(l, a.dir, name, func(what, path string) {
			l.finds(what+", empty", own, "SSH_AUTH_SOCK=")
			l.finds(what+", named by a start-up file", own, "SSH_AUTH_SOCK="+path)
			l.forwarding.Known = path
			l.finds(what+", found before", own)
			l.forwarding.Known = ""
		})
		sshd := newAgents(l)
		rcSocket := sshd.sshdName()
		sshd.start(rcSocket)
		eachEvil(l, sshd.dir, rcSocket, func(what, path string) {
			l := l.another(t)
			l.lay(file(".ssh/rc", rcBlock))
			sh := l.command(append(l.argv, ".ssh/rc")...)
			sh.Env = append(sh.Env, "SSH_AUTH_SOCK="+path, "SSH_TTY=/dev/pts/99")
			check(t, sh.Run())
			compare(t, "what ~/.ssh/rc makes of "+what, "", l.target())
		})
	})
}

// TestAnotherUsersWay lets another user name a socket of the person's in the
// list of sockets by a way that she can lead elsewhere later. It runs alone, as
// TestHolderFindsTheSocket does.
func TestAnotherUsersWay(t *testing.T) {
	eachShell(t, func(t *testing.T, l *local) {
		l.forwarding.OpenSSH = true
		a := newAgentsIn(l, "run-")
		below := agents{l: l, dir: filepath.Join(a.dir, "d")}
		check(t, os.Mkdir(below.dir, 0o755))
		l.own(below.dir)
		name := "s.y.sshd." + strconv.Itoa(os.Getpid()) + ".x"
		check(t, os.Rename(below.start("x"), filepath.Join(below.dir, name))) // so that the list has hers alone
		way := filepath.Join("/tmp", "evil"+strconv.Itoa(os.Getpid()))
		check(t, os.Symlink(a.dir, way))
		defer os.Remove(way)
		check(t, os.Lchown(way, mallory, mallory))
		listener, err := net.Listen("unix", "@x\n0: 2 0 00010000 1 1 1 "+filepath.Join(way, "d", name))
		check(t, err)
		defer listener.Close()
		l.finds("the socket by its own way", filepath.Join(below.dir, name), "SSH_AUTH_SOCK=")
	})
}

// TestAnotherUsersSocket: what an sshd has removed another user makes anew, and
// the link that led there leads to her agent.
func TestAnotherUsersSocket(t *testing.T) {
	eachShell(t, func(t *testing.T, l *local) {
		t.Parallel()
		a := newAgents(l)
		own := a.start("own")
		theirs := newAgents(l)
		hers := theirs.anothers("agent.1")
		check(t, os.Chown(theirs.dir, mallory, mallory))
		h := l.hold("", "SSH_AUTH_SOCK="+own)
		h.began(own)
		for _, text := range []string{hers, byRepair(hers)} {
			l.relink(text)
			h.order(link.Ping(1), link.Pong{Token: 1, Owner: link.OwnerSelf})
			compare(t, "target", byRepair(own), l.target())
		}
	})
}

// TestNamesOfOtherSockets lets others listen at sockets whose names end as that
// of a dead one does.
func TestNamesOfOtherSockets(t *testing.T) {
	eachShell(t, func(t *testing.T, l *local) {
		t.Parallel()
		a := newAgents(l)
		own := a.start("own")
		h := l.hold("", "SSH_AUTH_SOCK="+own)
		h.began(own)
		dead := l.deadSocket(a.dir, "two  blanks")
		below := filepath.Join(a.dir, " "+dead)
		check(t, os.MkdirAll(filepath.Dir(below), 0o755))
		connected, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: below + "1", Net: "unixgram"})
		check(t, err)
		defer connected.Close()
		for _, name := range []string{"@" + dead, "@x " + dead, below, dead + "er"} {
			listener, err := net.Listen("unix", name)
			check(t, err)
			defer listener.Close()
		}
		l.relink(dead)
		h.order(link.Ping(1), link.Pong{Token: 1, Owner: link.OwnerSelf})
		compare(t, "target", byRepair(own), l.target())

		t.Log("a socket that takes no connections, under the very name")
		check(t, os.Remove(dead))
		datagrams, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: dead, Net: "unixgram"})
		check(t, err)
		defer datagrams.Close()
		l.own(dead)
		l.relink(dead)
		h.order(link.Ping(2), link.Pong{Token: 2, Owner: link.OwnerSelf})

		t.Log("a line of the list in the name of another's")
		for token, name := range []string{"agent.1", "agent.sshd.1", "s.x.sshd.1.y"} {
			dead := l.deadSocket(a.dir, name)
			listener, err := net.Listen("unix", "@x\n0: 2 0 00010000 1 1 1 "+dead)
			check(t, err)
			defer listener.Close()
			l.relink(dead)
			h.order(link.Ping(uint64(token)), link.Pong{Token: uint64(token), Owner: link.OwnerSelf})
			compare(t, "target", byRepair(own), l.target())
		}

		t.Log("a live one")
		live := filepath.Join(a.dir, "more  blanks")
		check(t, os.Rename(a.start("x"), filepath.Join(a.dir, "moved")))
		a.start("more  blanks")
		l.relink(live)
		h.order(link.Ping(3), link.Pong{Token: 3, Owner: link.OwnerOther})
	})
}
