package bootstrap

import (
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/mosha-ssh/mosha/internal/link"
	"github.com/mosha-ssh/mosha/internal/remotesh"
)

// relink lets somebody else make the link.
func (l *local) relink(text string) {
	l.t.Helper()
	p := filepath.Join(l.home, remotesh.LinkPath)
	if err := os.Remove(p); err != nil && !os.IsNotExist(err) {
		l.t.Fatal(err)
	}
	if text != "" {
		l.lay(symlink(remotesh.LinkPath, text))
	}
}

// byRepair is the text of a link that was set by repair.
func byRepair(agent string) string { return "/." + agent }

func testReclaim(t *testing.T, l *local, own, other string) {
	h := l.hold("", "SSH_AUTH_SOCK="+own)
	h.began(own)
	for _, c := range []struct {
		before string
		order  link.Order
		want   link.State
		after  string
	}{
		{other, link.Reclaim(false, ""), link.Kept, other},
		{other, link.Reclaim(true, ""), link.Kept, other},
		{other, link.Reclaim(true, own), link.Kept, other},
		{byRepair(other), link.Reclaim(false, ""), link.Kept, byRepair(other)},
		{byRepair(other), link.Reclaim(true, ""), link.Set, own},
		{other, link.Claim, link.Set, own},
		{byRepair(own), link.Claim, link.Set, own},
		{own, link.Reclaim(true, ""), link.Set, own},
		{own, link.Reclaim(false, ""), link.Set, byRepair(own)}, // by ~/.ssh/rc
		{byRepair(own), link.Reclaim(false, ""), link.Set, byRepair(own)},
		{"", link.Reclaim(true, ""), link.Set, own},
		{"", link.Reclaim(false, ""), link.Set, byRepair(own)},
		{"/gone", link.Reclaim(false, ""), link.Set, byRepair(own)},
		{"/gone", link.Reclaim(true, ""), link.Set, byRepair(own)}, // a person's, after all
		{"/./gone", link.Reclaim(true, ""), link.Set, own},
		{"ssh_auth_sock", link.Reclaim(false, ""), link.Set, byRepair(own)},
		{l.home, link.Reclaim(false, ""), link.Set, byRepair(own)},
		// What it led to before.
		{"/gone", link.Reclaim(true, "/gone"), link.Set, own},
		{other, link.Reclaim(true, other), link.Set, own},
		{other, link.Reclaim(false, other), link.Set, byRepair(own)},
		{byRepair(other), link.Reclaim(false, other), link.Set, byRepair(own)},
		{byRepair(other), link.Reclaim(true, other), link.Set, byRepair(own)},
		// One of several.
		{other, link.Reclaim(true, other+"/", "/x"+other, "/gone"), link.Kept, other},
		{other, link.Reclaim(true, "/gone", other), link.Set, own},
		{other, link.Reclaim(true, other, "/gone"), link.Set, own},
		{other, link.Reclaim(false, "/a", other, "/b c"), link.Set, byRepair(own)},
	} {
		l.relink(c.before)
		t.Logf("%q: %q", c.before, c.order)
		h.order(c.order, link.Outcome{State: c.want})
		compare(t, "target", c.after, l.target())
	}
	_, err := h.Write([]byte(link.Quit))
	check(t, err)
	h.end()
	compare(t, "target after the end", "", l.target())
}

func testPing(t *testing.T, l *local, own, _ string) {
	h := l.hold("", "SSH_AUTH_SOCK="+own)
	h.began(own)
	for _, token := range []uint64{0, 7, 1<<64 - 1} {
		h.order(link.Ping(token), link.Pong{Token: token, Owner: link.OwnerSelf})
	}
	compare(t, "target", byRepair(own), l.target())
	_ = h.Close()
	compare(t, "target after the end", "", l.target())
}

// testActor lets a ping find the link as others have made it.
func testActor(t *testing.T, l *local, own, other string) {
	h := l.hold(link.Claim, "SSH_AUTH_SOCK="+own)
	h.began(own)
	h.expect(link.Outcome{State: link.Set})
	for _, c := range []struct {
		before string
		want   link.Owner
		after  string
	}{
		{own, link.OwnerSelf, own},
		{"", link.OwnerSelf, own},
		{byRepair(other), link.OwnerSelf, own}, // repaired while we were away
		{other, link.OwnerOther, other},        // a person's act
		{byRepair(other), link.OwnerOther, byRepair(other)},
		{"/./gone", link.OwnerSelf, byRepair(own)},
		{byRepair(other), link.OwnerOther, byRepair(other)},
		{"/gone", link.OwnerSelf, byRepair(own)},
		{"", link.OwnerSelf, byRepair(own)},
		{"ssh_auth_sock", link.OwnerSelf, byRepair(own)},
	} {
		l.relink(c.before)
		t.Logf("%q", c.before)
		h.order(link.Ping(1), link.Pong{Token: 1, Owner: c.want})
		compare(t, "target", c.after, l.target())
	}
	l.relink(byRepair(other))
	h.order(link.Ping(2), link.Pong{Token: 2, Owner: link.OwnerOther})
	h.order(link.Claim, link.Outcome{State: link.Set})
	compare(t, "target", own, l.target())
	l.relink(other) // the same socket, by a person's act this time
	h.order(link.Ping(3), link.Pong{Token: 3, Owner: link.OwnerOther})
	compare(t, "target", other, l.target())
}

// testDeadSockets: sockets at which nobody listens, and one that the
// system's list does not show under its name.
func testDeadSockets(t *testing.T, l *local, own, other string) {
	h := l.hold("", "SSH_AUTH_SOCK="+own)
	h.began(own)
	a := newAgents(l)
	dead := filepath.Join(a.dir, "dead")
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: dead})
	check(t, err)
	l.own(dead)
	l.relink(dead)
	h.order(link.Ping(1), link.Pong{Token: 1, Owner: link.OwnerOther})
	l.abandon(listener)
	h.order(link.Ping(2), link.Pong{Token: 2, Owner: link.OwnerSelf})
	compare(t, "target", byRepair(own), l.target())
	l.relink(dead)
	h.order(link.Reclaim(false, ""), link.Outcome{State: link.Set})

	moved := filepath.Join(a.dir, "moved")
	check(t, os.Rename(a.start("live"), moved))
	l.relink(moved)
	h.order(link.Ping(3), link.Pong{Token: 3, Owner: link.OwnerOther})
	h.order(link.Reclaim(true, ""), link.Outcome{State: link.Kept})
}
