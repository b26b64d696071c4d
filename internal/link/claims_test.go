package link

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/mosha-ssh/mosha/internal/remotesh"
)

// remainsOf is what the nth connection leaves.
func remainsOf(n int) remains {
	return remains{agent: fmt.Sprintf("/tmp/%d", n), sshd: process{PID: 100 + n, Start: "1"}}
}

// saidSession is a session whose other end has said all that it will.
type saidSession struct{ io.Reader }

func says(s string) saidSession {
	return saidSession{strings.NewReader("\n" + holderMarker + "\n" + s)}
}

func (saidSession) Write(p []byte) (int, error) { return len(p), nil }
func (saidSession) CloseWrite() error           { return nil }
func (saidSession) Close() error                { return nil }

// holding returns a holder of which a script has said this.
func holding(said string, claims *Claims, log io.Writer) *Holder {
	return NewHolder(says(said), claims, Config{Log: zerolog.New(log), Pong: func(uint64) {}, Lacks: func(error) {}})
}

// closedSession is a session whose command has ended before the script came.
type closedSession struct{ saidSession }

var errClosed = errors.New("closed")

func (closedSession) Write([]byte) (int, error) { return 0, errClosed }

// TestNoShellTakesTheScript: what a server that ends the session at once has run
// is no shell, whether it ended before the script was written or after.
func TestNoShellTakesTheScript(t *testing.T) {
	for name, session := range map[string]Session{"before": closedSession{}, "after": saidSession{strings.NewReader("")}} {
		_, err := NewHolder(session, noClaims(), Config{Log: zerolog.Nop()}).Take()
		var remote *remotesh.Error
		if !errors.As(err, &remote) || remote.Kind != remotesh.NoShell {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func noClaims() *Claims { return NewClaims(false, func() {}) }

// TestRemains: those of each connection are known until they are ended, however
// many connections break before they can do that.
func TestRemains(t *testing.T) {
	k := noClaims()
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
	claims := noClaims()
	var log strings.Builder
	for n := range 3 {
		claims.leave(remainsOf(n))
	}
	own := remainsOf(3)
	h := holding("buried yes\nburied no\n", claims, &log)
	h.owed.Store(2000)
	h.buried = claims.leave(own)
	h.Listen()
	if want := []remains{remainsOf(2), own}; !slices.Equal(claims.remains, want) {
		t.Errorf("after two answers %v are left, want %v", claims.remains, want)
	}
	h.ended = make(chan struct{})
	h.events = newReader(says(strings.Repeat("buried yes\n", 1000)))
	h.Listen()
	if want := []remains{own}; !slices.Equal(claims.remains, want) {
		t.Errorf("after a thousand %v are left, want %v", claims.remains, want)
	}
	if n := strings.Count(log.String(), "remains"); n != 3 {
		t.Errorf("%d answers were logged, want 3", n)
	}
}

// TestClaimWhileReclaiming: a person comes while the holder answers for the
// time before.
func TestClaimWhileReclaiming(t *testing.T) {
	for name, answer := range map[string]func(*Holder){
		"set":          func(h *Holder) { h.took(outcome{State: set}, false) },
		"kept":         func(h *Holder) { h.took(outcome{State: kept}, false) },
		"an old pulse": func(h *Holder) { h.owns(ownerOther) },
	} {
		h := holding("", noClaims(), io.Discard)
		h.claims.Claim()
		answer(h)
		if !h.claims.pending() || !h.claims.Ours() {
			t.Errorf("%s: wanted %v, ours %v", name, h.claims.pending(), h.claims.Ours())
		}
		if order, claims := h.claims.order(nil); order != claim || !claims {
			t.Errorf("%s: the next order is %q", name, order)
		}
		h.took(outcome{State: set}, true)
		if h.claims.pending() || !h.claims.Ours() {
			t.Errorf("%s, then claimed: wanted %v, ours %v", name, h.claims.pending(), h.claims.Ours())
		}
	}
}

// TestLinkGoesElsewhere: a person acts on another machine, and then here again.
func TestLinkGoesElsewhere(t *testing.T) {
	changes := 0
	claims := NewClaims(true, func() { changes++ })
	h := holding("", claims, io.Discard)
	h.owns(ownerSelf)
	h.owns(ownerOther)
	if order, _ := claims.order(nil); claims.Ours() || order != reclaim(false) {
		t.Errorf("ours %v, and the next order is %q", claims.Ours(), order)
	}
	claims.Claim()
	if changes != 2 || !claims.Ours() {
		t.Errorf("ours %v after %d changes", claims.Ours(), changes)
	}
}
