//go:build linux

package main_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mosha-ssh/mosha/internal/keeper/control"
	"github.com/mosha-ssh/mosha/internal/lab"
	"github.com/mosha-ssh/mosha/internal/lab/labtest"
)

// blow is something that happens to a world.
type blow func(*world) error

func cut(w *world) error          { w.me.Machine.Cable.Cut(); return nil }
func heal(w *world) error         { w.me.Machine.Cable.Heal(); return nil }
func roam(w *world) error         { _, err := w.me.Machine.Roam(); return err }
func linkDown(w *world) error     { return w.me.Machine.LinkDown() }
func linkUp(w *world) error       { return w.me.Machine.LinkUp() }
func stopKeeper(w *world) error   { return unix.Kill(w.keeper(), unix.SIGSTOP) }
func wakeKeeper(w *world) error   { return unix.Kill(w.keeper(), unix.SIGCONT) }
func killSessions(w *world) error { return w.sshd.KillSessions() }
func stopServer(w *world) error   { return w.sshd.Stop() }
func startServer(w *world) error  { return w.sshd.Restart() }
func nothing(*world) error        { return nil }

// both is one after the other, at once.
func both(blows ...blow) blow {
	return func(w *world) error {
		var errs []error
		for _, strike := range blows {
			errs = append(errs, strike(w))
		}
		return errors.Join(errs...)
	}
}

// atOnce names an outage that begins right after the launch. All others begin
// when the keeper has heard from the holder.
const atOnce = ", at once"

// outage is an experiment: what happens, and after how long what ends it.
type outage struct {
	name  string
	begin blow
	lasts time.Duration
	end   blow
}

// Of tests that wait to go on side by side, package testing starts the last
// first, so the longest stand last.
var (
	shortOutages = []outage{
		{"cable cut for 5 s", cut, 5 * time.Second, heal},
		{"new address" + atOnce, roam, 0, nothing},
		{"new address", roam, 0, nothing},
		{"new address twice", both(roam, roam), 0, nothing},
		{"server's processes killed", killSessions, 0, nothing},
		{"server restarted", both(stopServer, killSessions), 5 * time.Second, startServer},
		{"interface down", linkDown, 10 * time.Second, linkUp},
	}
	longOutages = []outage{
		{"cable cut, then a new address", cut, 20 * time.Second, both(roam, heal)},
		{"cable cut for 20 s" + atOnce, cut, 20 * time.Second, heal},
		{"new address, and one more", roam, time.Second, roam},
		{"server's processes kept killed", killSessions, 2 * time.Second, killSessions},
		{"keeper stopped, address new", both(stopKeeper, roam), 30 * time.Second, wakeKeeper},
		{"keeper stopped", stopKeeper, time.Minute, wakeKeeper},
		{"cable cut for 60 s", cut, time.Minute, heal},
		{"cable cut for 180 s", cut, 3 * time.Minute, heal},
	}
)

// TestOutage: whatever interrupts a session's connection and for however long,
// the agent is back afterwards without anybody doing anything, and requests
// that were under way have ended.
func TestOutage(t *testing.T) {
	t.Parallel()
	outages := shortOutages
	if labtest.Whole {
		outages = slices.Concat(shortOutages, longOutages)
	}
	for _, o := range outages {
		t.Run(o.name, func(t *testing.T) {
			t.Parallel()
			testOutage(t, o)
		})
	}
}

func testOutage(t *testing.T, o outage) {
	w := newWorld(t)
	window := w.shell("devbox")
	w.agentIs(window, w.key)
	begin, ended := w.requests(window)
	if !strings.HasSuffix(o.name, atOnce) {
		w.quiet(1)
	}
	w.must(o.begin(w))
	begin()
	time.Sleep(o.lasts) // the experiment's parameter
	w.must(o.end(w))
	over := time.Now()
	w.agentIs(window, w.key)
	t.Logf("the agent was back after %v", time.Since(over))
	ended()
	t.Logf("requests from the outage had ended after %v", time.Since(over))
	w.becomes("up with one session", func(s control.Status) bool { return s.State == control.Up && s.Sessions == 1 })
	w.exit(window)
	w.nothingLeft()
}

// requestScript asks the agent for its keys and for a signature when it is told
// to, as git fetch does, and says when both have ended, in whatever way.
const requestScript = `: >waiting
until [ -e begin ]; do sleep .05; done
ssh-add -l >/dev/null 2>&1 &
ssh-keygen -Y sign -n file -f key.pub <key.pub >/dev/null 2>&1 &
wait
: >ended
`

// requests prepares a session for requests of which nobody knows how they end:
// begin has them made, ended waits until they have. Their time limit is far
// below the quarter of an hour after which sshd would give a lost client up.
func (w *world) requests(window *lab.Terminal) (begin, ended func()) {
	w.t.Helper()
	w.must(w.dev.WriteFile("key.pub", w.key.Pub+"\n", 0o600))
	w.must(w.dev.WriteFile("requests", requestScript, 0o600))
	there := func(name string) func() {
		return func() {
			w.t.Helper()
			w.must(lab.Eventually(w.ctx(), "the file "+name, func() (bool, error) {
				_, err := w.dev.ReadFile(name)
				return err == nil, nil
			}))
		}
	}
	w.must(window.Send("(sh requests &)\r"))
	there("waiting")()
	return func() { w.must(w.dev.WriteFile("begin", "", 0o600)) }, there("ended")
}
