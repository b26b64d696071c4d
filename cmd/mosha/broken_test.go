//go:build linux

package main_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mosha-ssh/mosha/internal/keeper/control"
	"github.com/mosha-ssh/mosha/internal/lab"
	"github.com/mosha-ssh/mosha/internal/lab/labtest"
)

// TestBrokenTwice: a connection that comes back breaks again within its first
// round trips, at whichever of its steps. The next one ends what is left of
// both, so that nothing hangs on them, and the link is this laptop's own. What
// is not heard of is where requests went in the one round trip before a holder
// runs, if ~/.ssh/rc had given them a socket.
func TestBrokenTwice(t *testing.T) {
	t.Parallel()
	const roundTrip = 400 * time.Millisecond // so that a step can be told from the next
	for _, c := range labtest.Rows(2, []struct {
		name    string
		before  blow // in the first outage
		step    func(w *world) func() (bool, error)
		again   blow // the second outage
		unheard bool
	}{
		{"when its holder began", nothing, holderBegan, cutIn, false},
		{"when it was made", nothing, connected, cut, false},
		{"when rc had taken a missing link", unlink, holderBegan, cutIn, true},
		{"when its holder had taken the link", nothing, holderTook, cut, false},
		{"when both had taken a missing link", unlink, holderTook, cut, false},
	}) {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			window := w.shell("devbox")
			w.agentIs(window, w.key)
			w.me.Machine.Cable.SetRTT(roundTrip)
			w.quiet(1)
			begin, ended := w.requests(window)
			reached := c.step(w)
			w.must(both(cut, c.before, roam, heal)(w))
			w.must(lab.Eventually(w.ctx(), "the step", reached))
			w.must(c.again(w))
			if !c.unheard {
				time.Sleep(roundTrip) // what is on its way there arrives
				begin()
			}
			time.Sleep(roundTrip) // for the requests to find a socket
			w.must(both(roam, heal)(w))
			over := time.Now()
			w.agentIs(window, w.key)
			t.Logf("the agent was back after %v", time.Since(over))
			begin()
			ended()
			t.Logf("requests from the outage had ended after %v", time.Since(over))
			w.becomes("up with a link of its own", func(s control.Status) bool { return s.State == control.Up && s.Link == "own" })
			if text := w.target(); strings.HasPrefix(text, "/./") {
				t.Errorf("the link is not that of a person's act: %s", text)
			}
			w.exit(window)
			w.must(killSessions(w)) // those of which the keeper has not heard
			w.nothingLeft()
		})
	}
}

func cutIn(w *world) error  { w.me.Machine.Cable.CutDirection(lab.In); return nil }
func unlink(w *world) error { return w.dev.Command(w.ctx(), "rm", ".ssh/ssh_auth_sock").Run() }

// target is the text of the link, "" if there is none.
func (w *world) target() string { return w.remote("readlink .ssh/ssh_auth_sock || :") }

// connected says when the laptop has another connection.
func connected(w *world) func() (bool, error) {
	return func() (bool, error) { return w.status().Reconnects == 1, nil }
}

// holderTook says when the link leads elsewhere than now, not by ~/.ssh/rc.
func holderTook(w *world) func() (bool, error) {
	before := w.target()
	return func() (bool, error) {
		now := w.target()
		return now != "" && now != before && !strings.HasPrefix(now, "/./"), nil
	}
}

// holderBegan says when a holder runs that does not now.
func holderBegan(w *world) func() (bool, error) {
	holders := func() (pids []int) {
		for _, p := range w.dev.Processes() {
			if slices.Equal(p.Args, []string{"/bin/sh"}) {
				pids = append(pids, p.PID)
			}
		}
		return pids
	}
	before := holders()
	return func() (bool, error) {
		return slices.ContainsFunc(holders(), func(pid int) bool { return !slices.Contains(before, pid) }), nil
	}
}
