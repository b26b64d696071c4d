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
		order  order
		want   state
		after  string
	}{
		{other, reclaim(false, ""), kept, other},
		{other, reclaim(true, ""), kept, other},
		{other, reclaim(true, own), kept, other},
		{homes.ByRepair(other), reclaim(false, ""), kept, homes.ByRepair(other)},
		{homes.ByRepair(other), reclaim(true, ""), set, own},
		{other, claim, set, own},
		{homes.ByRepair(own), claim, set, own},
		{own, reclaim(true, ""), set, own},
		{own, reclaim(false, ""), set, homes.ByRepair(own)}, // by ~/.ssh/rc
		{homes.ByRepair(own), reclaim(false, ""), set, homes.ByRepair(own)},
		{"", reclaim(true, ""), set, own},
		{"", reclaim(false, ""), set, homes.ByRepair(own)},
		{"/gone", reclaim(false, ""), set, homes.ByRepair(own)},
		{"/gone", reclaim(true, ""), set, homes.ByRepair(own)}, // a person's, after all
		{"/./gone", reclaim(true, ""), set, own},
		{"ssh_auth_sock", reclaim(false, ""), set, homes.ByRepair(own)},
		{l.Home, reclaim(false, ""), set, homes.ByRepair(own)},
		// What it led to before.
		{"/gone", reclaim(true, "/gone"), set, own},
		{other, reclaim(true, other), set, own},
		{other, reclaim(false, other), set, homes.ByRepair(own)},
		{homes.ByRepair(other), reclaim(false, other), set, homes.ByRepair(own)},
		{homes.ByRepair(other), reclaim(true, other), set, homes.ByRepair(own)},
		// One of several.
		{other, reclaim(true, other+"/", "/x"+other, "/gone"), kept, other},
		{other, reclaim(true, "/gone", other), set, own},
		{other, reclaim(true, other, "/gone"), set, own},
		{other, reclaim(false, "/a", other, "/b c"), set, homes.ByRepair(own)},
	} {
		l.Relink(c.before)
		t.Logf("%q: %q", c.before, c.order)
		h.order(c.order, outcome{State: c.want})
		compare(t, "target", c.after, l.Target())
	}
	_, err := h.Write([]byte(quit))
	homes.Check(t, err)
	h.end()
	compare(t, "target after the end", "", l.Target())
}

func testPing(t *testing.T, l *homes.Local, own, _ string) {
	h := hold(l, "", "SSH_AUTH_SOCK="+own)
	h.began(own)
	for _, token := range []uint64{0, 7, 1<<64 - 1} {
		h.order(ping(token), pong{Token: token, Owner: ownerSelf})
	}
	compare(t, "target", homes.ByRepair(own), l.Target())
	_ = h.Close()
	compare(t, "target after the end", "", l.Target())
}

// testActor lets a ping find the link as others have made it.
func testActor(t *testing.T, l *homes.Local, own, other string) {
	h := hold(l, claim, "SSH_AUTH_SOCK="+own)
	h.began(own)
	h.expect(outcome{State: set})
	for _, c := range []struct {
		before string
		want   Owner
		after  string
	}{
		{own, ownerSelf, own},
		{"", ownerSelf, own},
		{homes.ByRepair(other), ownerSelf, own}, // repaired while we were away
		{other, ownerOther, other},              // a person's act
		{homes.ByRepair(other), ownerOther, homes.ByRepair(other)},
		{"/./gone", ownerSelf, homes.ByRepair(own)},
		{homes.ByRepair(other), ownerOther, homes.ByRepair(other)},
		{"/gone", ownerSelf, homes.ByRepair(own)},
		{"", ownerSelf, homes.ByRepair(own)},
		{"ssh_auth_sock", ownerSelf, homes.ByRepair(own)},
	} {
		l.Relink(c.before)
		t.Logf("%q", c.before)
		h.order(ping(1), pong{Token: 1, Owner: c.want})
		compare(t, "target", c.after, l.Target())
	}
	l.Relink(homes.ByRepair(other))
	h.order(ping(2), pong{Token: 2, Owner: ownerOther})
	h.order(claim, outcome{State: set})
	compare(t, "target", own, l.Target())
	l.Relink(other) // the same socket, by a person's act this time
	h.order(ping(3), pong{Token: 3, Owner: ownerOther})
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
	h.order(ping(1), pong{Token: 1, Owner: ownerOther})
	l.Abandon(listener)
	h.order(ping(2), pong{Token: 2, Owner: ownerSelf})
	compare(t, "target", homes.ByRepair(own), l.Target())
	l.Relink(dead)
	h.order(reclaim(false, ""), outcome{State: set})

	moved := filepath.Join(a.Dir, "moved")
	homes.Check(t, os.Rename(a.Start("live"), moved))
	l.Relink(moved)
	h.order(ping(3), pong{Token: 3, Owner: ownerOther})
	h.order(reclaim(true, ""), outcome{State: kept})
}
