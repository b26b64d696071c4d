package link

import (
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/mosha-ssh/mosha/internal/lab/homes"
)

func testReclaim(t *testing.T, l *homes.Local, own, other string) {
	h := hold(l, "", "SSH_AUTH_SOCK="+own)
	h.began(own)
	for _, c := range []struct {
		before string
		order  Order
		want   State
		after  string
	}{
		{other, Reclaim(false, ""), Kept, other},
		{other, Reclaim(true, ""), Kept, other},
		{other, Reclaim(true, own), Kept, other},
		{homes.ByRepair(other), Reclaim(false, ""), Kept, homes.ByRepair(other)},
		{homes.ByRepair(other), Reclaim(true, ""), Set, own},
		{other, Claim, Set, own},
		{homes.ByRepair(own), Claim, Set, own},
		{own, Reclaim(true, ""), Set, own},
		{own, Reclaim(false, ""), Set, homes.ByRepair(own)}, // by ~/.ssh/rc
		{homes.ByRepair(own), Reclaim(false, ""), Set, homes.ByRepair(own)},
		{"", Reclaim(true, ""), Set, own},
		{"", Reclaim(false, ""), Set, homes.ByRepair(own)},
		{"/gone", Reclaim(false, ""), Set, homes.ByRepair(own)},
		{"/gone", Reclaim(true, ""), Set, homes.ByRepair(own)}, // a person's, after all
		{"/./gone", Reclaim(true, ""), Set, own},
		{"ssh_auth_sock", Reclaim(false, ""), Set, homes.ByRepair(own)},
		{l.Home, Reclaim(false, ""), Set, homes.ByRepair(own)},
		// What it led to before.
		{"/gone", Reclaim(true, "/gone"), Set, own},
		{other, Reclaim(true, other), Set, own},
		{other, Reclaim(false, other), Set, homes.ByRepair(own)},
		{homes.ByRepair(other), Reclaim(false, other), Set, homes.ByRepair(own)},
		{homes.ByRepair(other), Reclaim(true, other), Set, homes.ByRepair(own)},
		// One of several.
		{other, Reclaim(true, other+"/", "/x"+other, "/gone"), Kept, other},
		{other, Reclaim(true, "/gone", other), Set, own},
		{other, Reclaim(true, other, "/gone"), Set, own},
		{other, Reclaim(false, "/a", other, "/b c"), Set, homes.ByRepair(own)},
	} {
		l.Relink(c.before)
		t.Logf("%q: %q", c.before, c.order)
		h.order(c.order, Outcome{State: c.want})
		compare(t, "target", c.after, l.Target())
	}
	_, err := h.Write([]byte(Quit))
	homes.Check(t, err)
	h.end()
	compare(t, "target after the end", "", l.Target())
}

func testPing(t *testing.T, l *homes.Local, own, _ string) {
	h := hold(l, "", "SSH_AUTH_SOCK="+own)
	h.began(own)
	for _, token := range []uint64{0, 7, 1<<64 - 1} {
		h.order(Ping(token), Pong{Token: token, Owner: OwnerSelf})
	}
	compare(t, "target", homes.ByRepair(own), l.Target())
	_ = h.Close()
	compare(t, "target after the end", "", l.Target())
}

// testActor lets a ping find the link as others have made it.
func testActor(t *testing.T, l *homes.Local, own, other string) {
	h := hold(l, Claim, "SSH_AUTH_SOCK="+own)
	h.began(own)
	h.expect(Outcome{State: Set})
	for _, c := range []struct {
		before string
		want   Owner
		after  string
	}{
		{own, OwnerSelf, own},
		{"", OwnerSelf, own},
		{homes.ByRepair(other), OwnerSelf, own}, // repaired while we were away
		{other, OwnerOther, other},              // a person's act
		{homes.ByRepair(other), OwnerOther, homes.ByRepair(other)},
		{"/./gone", OwnerSelf, homes.ByRepair(own)},
		{homes.ByRepair(other), OwnerOther, homes.ByRepair(other)},
		{"/gone", OwnerSelf, homes.ByRepair(own)},
		{"", OwnerSelf, homes.ByRepair(own)},
		{"ssh_auth_sock", OwnerSelf, homes.ByRepair(own)},
	} {
		l.Relink(c.before)
		t.Logf("%q", c.before)
		h.order(Ping(1), Pong{Token: 1, Owner: c.want})
		compare(t, "target", c.after, l.Target())
	}
	l.Relink(homes.ByRepair(other))
	h.order(Ping(2), Pong{Token: 2, Owner: OwnerOther})
	h.order(Claim, Outcome{State: Set})
	compare(t, "target", own, l.Target())
	l.Relink(other) // the same socket, by a person's act this time
	h.order(Ping(3), Pong{Token: 3, Owner: OwnerOther})
	compare(t, "target", other, l.Target())
}

// testDeadSockets: sockets at which nobody listens, and one that the
// system's list does not show under its name.
func testDeadSockets(t *testing.T, l *homes.Local, own, other string) {
	h := hold(l, "", "SSH_AUTH_SOCK="+own)
	h.began(own)
	a := homes.NewAgents(l)
	dead := filepath.Join(a.Dir, "dead")
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: dead})
	homes.Check(t, err)
	l.Own(dead)
	l.Relink(dead)
	h.order(Ping(1), Pong{Token: 1, Owner: OwnerOther})
	l.Abandon(listener)
	h.order(Ping(2), Pong{Token: 2, Owner: OwnerSelf})
	compare(t, "target", homes.ByRepair(own), l.Target())
	l.Relink(dead)
	h.order(Reclaim(false, ""), Outcome{State: Set})

	moved := filepath.Join(a.Dir, "moved")
	homes.Check(t, os.Rename(a.Start("live"), moved))
	l.Relink(moved)
	h.order(Ping(3), Pong{Token: 3, Owner: OwnerOther})
	h.order(Reclaim(true, ""), Outcome{State: Kept})
}
