package keeper

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/mosha-ssh/mosha/internal/link"
)

// remainsOf is what the nth connection leaves.
func remainsOf(n int) remains {
	return remains{agent: fmt.Sprintf("/tmp/%d", n), sshd: link.Sshd{PID: 100 + n, Start: "1"}}
}

// TestRemains: those of each connection are known until they are ended, however
// many connections break before they can do that.
func TestRemains(t *testing.T) {
	k := spareKeeper(t)
	for n := range 2 * maxRemains {
		others := k.leave(remainsOf(n))
		if want := min(n, maxRemains-1); len(others) != want {
			t.Fatalf("before connection %d there are %d, want %d", n, len(others), want)
		}
		if len(others) > 0 && (others[len(others)-1] != remainsOf(n-1) || slices.Contains(others, remainsOf(n))) {
			t.Fatalf("before connection %d there are %v", n, others)
		}
	}
	last := remainsOf(2*maxRemains - 1)
	again := last
	again.agent = "/tmp/found/later"
	for _, own := range []remains{last, again, {}} { // holders of the same connection
		others := k.leave(own)
		if own != (remains{}) && slices.Contains(others, last) {
			t.Errorf("%v is to be ended by itself: %v", own, others)
		}
		for _, r := range others {
			k.forget(r)
		}
	}
	if len(k.remains) != 0 {
		t.Errorf("left: %v", k.remains)
	}
}

// TestBuried: what is answered is forgotten, in the order in which it was
// asked, and an answer that nobody asked for means nothing.
func TestBuried(t *testing.T) {
	k := spareKeeper(t)
	var log strings.Builder
	c := &connection{k: k, log: zerolog.New(&log)}
	for n := range 3 {
		k.leave(remainsOf(n))
	}
	h := &holder{remains: remainsOf(3), ended: make(chan struct{})}
	h.owed.Store(2000)
	h.buried = k.leave(h.remains)
	h.events = link.NewReader(strings.NewReader("\nmosha-holder 1\nburied yes\nburied no\n"))
	h.listen(c)
	if want := []remains{remainsOf(2), remainsOf(3)}; !slices.Equal(k.remains, want) {
		t.Errorf("after two answers %v are left, want %v", k.remains, want)
	}
	h.ended = make(chan struct{})
	h.events = link.NewReader(strings.NewReader("\nmosha-holder 1\n" + strings.Repeat("buried yes\n", 1000)))
	h.listen(c)
	if want := []remains{h.remains}; !slices.Equal(k.remains, want) {
		t.Errorf("after a thousand %v are left, want %v", k.remains, want)
	}
	if n := strings.Count(log.String(), "remains"); n != 3 {
		t.Errorf("%d answers were logged, want 3", n)
	}
}

// TestClaimWhileReclaiming: a person comes while the holder answers for the
// time before.
func TestClaimWhileReclaiming(t *testing.T) {
	for name, answer := range map[string]func(*connection){
		"set":          func(c *connection) { c.linked(link.Outcome{State: link.Set}, false) },
		"kept":         func(c *connection) { c.linked(link.Outcome{State: link.Kept}, false) },
		"an old pulse": func(c *connection) { c.owns(link.OwnerOther) },
	} {
		c := &connection{k: spareKeeper(t), log: zerolog.Nop()}
		c.claim()
		answer(c)
		if !c.k.claims() || !c.k.actor {
			t.Errorf("%s: claims %v, actor %v", name, c.k.claims(), c.k.actor)
		}
		if order, claimed := c.k.reclaim(nil); order != link.Claim || !claimed {
			t.Errorf("%s: the next order is %q", name, order)
		}
		c.linked(link.Outcome{State: link.Set}, true)
		if c.k.claims() || !c.k.actor {
			t.Errorf("%s, then claimed: claims %v, actor %v", name, c.k.claims(), c.k.actor)
		}
	}
}
