//go:build linux

package main_test

import (
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mosha-ssh/mosha/internal/keeper/control"
	"github.com/mosha-ssh/mosha/internal/lab"
)

func killKeeper(w *world) error { return unix.Kill(w.keeper(), unix.SIGKILL) }

// TestKeeperKilled: it is back without anybody doing anything, again and again,
// and counts the sessions that it finds.
func TestKeeperKilled(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first, second := w.shell("devbox"), w.shell("devbox")
	for range 3 {
		killed := w.keeper()
		begin, ended := w.requests(first)
		w.must(unix.Kill(killed, unix.SIGKILL))
		begin()
		over := time.Now()
		w.agentIs(first, w.key)
		t.Logf("the agent was back after %v", time.Since(over))
		ended()
		if now := w.keeper(); now == killed {
			t.Errorf("the keeper that was killed runs: %d", now)
		}
		w.becomes("up with both sessions", func(s control.Status) bool { return s.State == control.Up && s.Sessions == 2 })
		w.remote("rm begin ended waiting")
	}
	w.exit(first)
	w.agentIsNow(second, w.key)
	w.becomes("up with the second", func(s control.Status) bool { return s.State == control.Up && s.Sessions == 1 })
	w.exit(second)
	w.nothingLeft()
}

// TestSessionEndsWhileNoKeeperRuns: the keeper that comes back finds nothing to
// do and clears up.
func TestSessionEndsWhileNoKeeperRuns(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	window := w.shell("devbox")
	w.must(stopGuardian(w))
	w.must(killKeeper(w))
	w.exit(window)
	w.must(wakeGuardian(w))
	w.nothingLeft()
}

func stopGuardian(w *world) error { return unix.Kill(w.guardian(), unix.SIGSTOP) }
func wakeGuardian(w *world) error { return unix.Kill(w.guardian(), unix.SIGCONT) }
func killGuardian(w *world) error { return unix.Kill(w.guardian(), unix.SIGKILL) }

// guardian is the pid of the shell that waits for the keeper's death.
func (w *world) guardian() int {
	w.t.Helper()
	var found []int
	w.must(lab.Eventually(w.ctx(), "one guardian", func() (bool, error) {
		found = nil
		for _, p := range named(w.me.Processes(), "sh") {
			if strings.Contains(strings.Join(p.Args, " "), "keeper --resume") {
				found = append(found, p.PID)
			}
		}
		return len(found) == 1, nil
	}))
	return found[0]
}

// TestGuardianKilled: another takes its place, and brings the keeper back.
func TestGuardianKilled(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	window := w.shell("devbox")
	killed := w.guardian()
	w.must(killGuardian(w))
	w.must(lab.Eventually(w.ctx(), "another guardian", func() (bool, error) { return w.guardian() != killed, nil }))
	w.must(killKeeper(w))
	w.agentIs(window, w.key)
	w.exit(window)
	w.nothingLeft()
}

// killedBefore stops the guardian and kills the keeper, which nobody brings
// back until wake is called.
func (w *world) killedBefore() (wake func()) {
	w.t.Helper()
	guardian := w.guardian()
	w.must(unix.Kill(guardian, unix.SIGSTOP))
	w.must(killKeeper(w))
	w.must(w.me.WaitGone(w.ctx(), "mosha keeper"))
	return func() {
		w.t.Helper()
		w.must(unix.Kill(guardian, unix.SIGCONT))
	}
}

// TestKeptKeeperKilled: somebody comes before the guardian has brought it back.
// The keeper that they start stays as the one before was to, and the guardian's
// leaves it alone.
func TestKeptKeeperKilled(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.runs("keep", "devbox")
	wake := w.killedBefore()
	w.runs("--setup-only", "devbox")
	kept := func(s control.Status) bool { return s.State == control.Up && s.Kept }
	w.becomes("kept", kept)
	w.agentThere()
	now := w.keeper()
	wake()
	w.second()
	w.becomes("kept", kept)
	if again := w.keeper(); again != now {
		t.Errorf("keeper %d has taken the place of %d", again, now)
	}
	w.runs("stop", "devbox")
	w.nothingLeft()
}

// second waits until a guardian has started another keeper beside the one that
// runs.
func (w *world) second() {
	w.t.Helper()
	w.must(lab.Eventually(w.ctx(), "a second keeper", func() (bool, error) {
		return len(named(w.me.Processes(), "mosha")) == 2, nil
	}))
}

// TestStoppedKeeperKilled: what was stopped does not come back, whether it had
// been killed before, or a guardian's keeper waits for its place.
func TestStoppedKeeperKilled(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.runs("keep", "devbox")
	wake := w.killedBefore()
	if _, stderr, code := w.local("stop", "devbox"); code != 3 || !strings.Contains(stderr, "no connection in the background for devbox") {
		t.Errorf("stop: exit code %d, want 3: %s", code, stderr)
	}
	wake()
	w.nothingLeft()

	w.runs("keep", "devbox")
	wake = w.killedBefore()
	w.runs("keep", "devbox")
	wake()
	w.second()
	w.runs("stop", "devbox")
	w.nothingLeft()
}

// TestKeeperAndGuardianKilled: nobody is left to bring them back; the next
// launch does, and counts the session that it finds.
func TestKeeperAndGuardianKilled(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	window := w.shell("devbox")
	w.must(both(stopKeeper, killGuardian, killKeeper)(w)) // a stopped keeper makes no new guardian
	w.must(w.me.WaitGone(w.ctx(), "mosha keeper"))
	if _, stderr, code := w.local("status", "devbox"); code != 3 || !strings.Contains(stderr, "no connection in the background for devbox") {
		t.Errorf("status: exit code %d, want 3: %s", code, stderr)
	}
	second := w.shell("devbox")
	w.agentIs(window, w.key)
	w.becomes("up with both sessions", func(s control.Status) bool { return s.State == control.Up && s.Sessions == 2 })
	w.exit(second)
	w.agentIsNow(window, w.key)
	w.exit(window)
	w.nothingLeft()
}
