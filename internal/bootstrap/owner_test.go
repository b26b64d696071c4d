package bootstrap

import (
	"net"
	"os"
	"path/filepath"
	"testing"
)

// relink has somebody else make the link.
func (l *local) relink(text string) {
	l.t.Helper()
	p := filepath.Join(l.home, LinkPath)
	if err := os.Remove(p); err != nil && !os.IsNotExist(err) {
		l.t.Fatal(err)
	}
	if text != "" {
		l.lay(link(LinkPath, text))
	}
}

// byRepair is the text of a link that was set by repair.
func byRepair(agent string) string { return "/." + agent }

func testReclaim(t *testing.T, l *local, own, other string) {
	h := l.hold("", "SSH_AUTH_SOCK="+own)
	h.began(own)
	for _, c := range []struct {
		before string
		order  Order
		want   LinkState
		after  string
	}{
		{other, Reclaim(false, ""), LinkKept, other},
		{other, Reclaim(true, ""), LinkKept, other},
		{other, Reclaim(true, own), LinkKept, other},
		{byRepair(other), Reclaim(false, ""), LinkKept, byRepair(other)},
		{byRepair(other), Reclaim(true, ""), LinkSet, own},
		{other, Claim, LinkSet, own},
		{byRepair(own), Claim, LinkSet, own},
		{own, Reclaim(true, ""), LinkSet, own},
		{own, Reclaim(false, ""), LinkSet, byRepair(own)}, // by ~/.ssh/rc
		{byRepair(own), Reclaim(false, ""), LinkSet, byRepair(own)},
		{"", Reclaim(true, ""), LinkSet, own},
		{"", Reclaim(false, ""), LinkSet, byRepair(own)},
		{"/gone", Reclaim(false, ""), LinkSet, byRepair(own)},
		{"/gone", Reclaim(true, ""), LinkSet, byRepair(own)}, // a person's, after all
		{"/./gone", Reclaim(true, ""), LinkSet, own},
		{"ssh_auth_sock", Reclaim(false, ""), LinkSet, byRepair(own)},
		{l.home, Reclaim(false, ""), LinkSet, byRepair(own)},
		// What it led to before.
		{"/gone", Reclaim(true, "/gone"), LinkSet, own},
		{other, Reclaim(true, other), LinkSet, own},
		{other, Reclaim(false, other), LinkSet, byRepair(own)},
		{byRepair(other), Reclaim(false, other), LinkSet, byRepair(own)},
		{byRepair(other), Reclaim(true, other), LinkSet, byRepair(own)},
		// One of several.
		{other, Reclaim(true, other+"/", "/x"+other, "/gone"), LinkKept, other},
		{other, Reclaim(true, "/gone", other), LinkSet, own},
		{other, Reclaim(true, other, "/gone"), LinkSet, own},
		{other, Reclaim(false, "/a", other, "/b c"), LinkSet, byRepair(own)},
	} {
		l.relink(c.before)
		t.Logf("%q: %q", c.before, c.order)
		h.order(c.order, Link{State: c.want})
		compare(t, "target", c.after, l.target())
	}
	_, err := h.Write([]byte(Quit))
	check(t, err)
	h.end()
	compare(t, "target after the end", "", l.target())
}

func testPing(t *testing.T, l *local, own, _ string) {
	h := l.hold("", "SSH_AUTH_SOCK="+own)
	h.began(own)
	for _, token := range []uint64{0, 7, 1<<64 - 1} {
		h.order(Ping(token), Pong{Token: token, Owner: OwnerSelf})
	}
	compare(t, "target", byRepair(own), l.target())
	_ = h.Close()
	compare(t, "target after the end", "", l.target())
}

// testActor has a ping find the link as others have made it.
func testActor(t *testing.T, l *local, own, other string) {
	h := l.hold(Claim, "SSH_AUTH_SOCK="+own)
	h.began(own)
	h.expect(Link{State: LinkSet})
	for _, c := range []struct {
		before string
		want   Owner
		after  string
	}{
		{own, OwnerSelf, own},
		{"", OwnerSelf, own},
		{byRepair(other), OwnerSelf, own}, // repaired while we were away
		{other, OwnerOther, other},        // a person's act
		{byRepair(other), OwnerOther, byRepair(other)},
		{"/./gone", OwnerSelf, byRepair(own)},
		{byRepair(other), OwnerOther, byRepair(other)},
		{"/gone", OwnerSelf, byRepair(own)},
		{"", OwnerSelf, byRepair(own)},
		{"ssh_auth_sock", OwnerSelf, byRepair(own)},
	} {
		l.relink(c.before)
		t.Logf("%q", c.before)
		h.order(Ping(1), Pong{Token: 1, Owner: c.want})
		compare(t, "target", c.after, l.target())
	}
	l.relink(byRepair(other))
	h.order(Ping(2), Pong{Token: 2, Owner: OwnerOther})
	h.order(Claim, Link{State: LinkSet})
	compare(t, "target", own, l.target())
	l.relink(other) // the same socket, by a person's act this time
	h.order(Ping(3), Pong{Token: 3, Owner: OwnerOther})
	compare(t, "target", other, l.target())
}

// testDeadSockets has sockets at which nobody listens, and one that the
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
	h.order(Ping(1), Pong{Token: 1, Owner: OwnerOther})
	l.abandon(listener)
	h.order(Ping(2), Pong{Token: 2, Owner: OwnerSelf})
	compare(t, "target", byRepair(own), l.target())
	l.relink(dead)
	h.order(Reclaim(false, ""), Link{State: LinkSet})

	moved := filepath.Join(a.dir, "moved")
	check(t, os.Rename(a.start("live"), moved))
	l.relink(moved)
	h.order(Ping(3), Pong{Token: 3, Owner: OwnerOther})
	h.order(Reclaim(true, ""), Link{State: LinkKept})
}
