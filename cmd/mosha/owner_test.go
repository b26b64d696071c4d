//go:build linux

package main_test

import (
	"testing"

	"golang.org/x/sys/unix"

	"github.com/mosha-ssh/mosha/internal/keeper/control"
	"github.com/mosha-ssh/mosha/internal/lab"
	"github.com/mosha-ssh/mosha/internal/lab/labtest"
)

// newLaptops are two laptops of one person, with a key each, and one devbox.
func newLaptops(t *testing.T) (a, b *world) {
	t.Helper()
	a = newWorld(t)
	return a, a.another()
}

// links waits until the keepers of both laptops have seen whose the link is.
func links(a *world, ofA string, b *world, ofB string) {
	a.t.Helper()
	a.becomes("link: "+ofA, func(s control.Status) bool { return s.Link == ofA })
	b.becomes("link: "+ofB, func(s control.Status) bool { return s.Link == ofB })
}

// TestLastLaunchOwnsTheLink, and at its end it is the other's again.
func TestLastLaunchOwnsTheLink(t *testing.T) {
	t.Parallel()
	a, b := newLaptops(t)
	onA := a.shell("devbox")
	a.agentIsNow(onA, a.key)
	onB := b.shell("devbox")
	b.agentIsNow(onB, b.key)
	a.agentIsNow(onA, b.key)
	links(a, "other", b, "own")

	again := a.shell("devbox") // no new connection, but an act
	a.agentIsNow(again, a.key)
	b.agentIsNow(onB, a.key)
	links(a, "own", b, "other")
	a.exit(again)
	b.agentIsNow(onB, a.key)

	a.exit(onA)
	t.Logf("the other's agent was there after %v", b.agentIs(onB, b.key))
	b.exit(onB)
	b.nothingLeft()
	a.nothingLeft()
}

// TestReconnectTakesNothing: a laptop that comes back by itself leaves the link
// to the one on which a person did something later.
func TestReconnectTakesNothing(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(a *world, sshd []lab.Proc) error{
		"sshd killed":   func(_ *world, sshd []lab.Proc) error { return killAll(sshd) },
		"new address":   func(a *world, _ []lab.Proc) error { return roam(a) },
		"keeper killed": func(a *world, _ []lab.Proc) error { return killKeeper(a) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, b := newLaptops(t)
			onA := a.shell("devbox")
			sshd := append(named(a.dev.Processes(), "sshd"), named(a.dev.Processes(), "sshd-session")...) // from 9.8 on
			onB := b.shell("devbox")
			links(a, "other", b, "own")
			before := a.sshd.Connections()
			w := a
			w.must(lose(a, sshd))
			w.must(lab.Eventually(w.ctx(), "a new connection", func() (bool, error) { return w.sshd.Connections() > before, nil }))
			links(a, "other", b, "own")
			a.agentIsNow(onA, b.key)
			b.agentIsNow(onB, b.key)
			b.exit(onB)
			t.Logf("the agent was there after %v", a.agentIs(onA, a.key))
			a.exit(onA)
			a.nothingLeft()
			b.nothingLeft()
		})
	}
}

func killAll(all []lab.Proc) error {
	for _, p := range all {
		if err := unix.Kill(p.PID, unix.SIGKILL); err != nil {
			return err
		}
	}
	return nil
}

// TestOwnerReconnects: the owner's own loss gives the link to the other only
// until it is back, be that before the other has taken it or after.
func TestOwnerReconnects(t *testing.T) {
	t.Parallel()
	for _, loss := range labtest.Rows(2, []struct {
		name  string
		begin blow
		long  bool // for so long that the other takes the link
		end   blow
	}{
		{"new address", roam, false, nothing},
		{"cable cut, address new", cut, true, both(roam, heal)},
		{"keeper killed, and late to come", both(stopGuardian, killKeeper), true, wakeGuardian},
		{"keeper killed", killKeeper, false, nothing},
	}) {
		t.Run(loss.name, func(t *testing.T) {
			t.Parallel()
			a, b := newLaptops(t)
			onA, onB := a.shell("devbox"), b.shell("devbox")
			links(a, "other", b, "own")
			b.must(loss.begin(b))
			if loss.long {
				t.Logf("the other's agent was there after %v", a.agentIs(onA, a.key))
			}
			b.must(loss.end(b))
			t.Logf("the owner's agent was back after %v", b.agentIs(onB, b.key))
			links(a, "other", b, "own")
			a.agentIsNow(onA, b.key)
			b.exit(onB)
			a.agentIs(onA, a.key)
			a.exit(onA)
			a.nothingLeft()
			b.nothingLeft()
		})
	}
}

// TestLoginBorrowsTheLink: so does a plain ssh -A, by ~/.ssh/rc.
func TestLoginBorrowsTheLink(t *testing.T) {
	t.Parallel()
	a, b := newLaptops(t)
	onA := a.shell("devbox")
	a.agentIsNow(onA, a.key)
	login, err := b.me.Terminal(80, 24, b.me.Command(t.Context(), "ssh", "-A", "-tt", "devbox"))
	b.must(err)
	b.must(login.WaitFor(b.ctx(), `\$ ?$`))
	b.agentIsNow(login, b.key)
	a.agentIsNow(onA, b.key)
	a.becomes("link: other", func(s control.Status) bool { return s.Link == "other" })
	a.must(roam(a)) // takes nothing
	a.becomes("another connection", func(s control.Status) bool { return s.Reconnects == 1 && s.Link == "other" })
	a.agentIsNow(onA, b.key)
	b.exit(login)
	t.Logf("the agent was back after %v", a.agentIs(onA, a.key))
	a.exit(onA)
	a.nothingLeft()
}

// TestSleeperLosesTheLink: a laptop that sleeps does not keep the others'
// sessions from an agent, and takes the link back when it wakes, as the last on
// which a person did something.
func TestSleeperLosesTheLink(t *testing.T) {
	t.Parallel()
	for name, settle := range map[string]func(a, b *world){
		"right after its launch": func(_, _ *world) {},
		"later":                  func(a, b *world) { links(a, "other", b, "own") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, b := newLaptops(t)
			onA, onB := a.shell("devbox"), b.shell("devbox")
			a.agentIsNow(onA, b.key)
			settle(a, b)
			b.must(both(stopKeeper, cut)(b))
			t.Logf("the other's agent was there after %v", a.agentIs(onA, a.key))
			b.must(both(heal, wakeKeeper)(b))
			t.Logf("the sleeper's agent was back after %v", b.agentIs(onB, b.key))
			links(a, "other", b, "own")
			a.agentIsNow(onA, b.key)
			b.exit(onB)
			a.agentIs(onA, a.key)
			a.exit(onA)
			a.nothingLeft()
			b.nothingLeft()
		})
	}
}

// TestSleeperWakesTooLate: a person has done something elsewhere meanwhile.
func TestSleeperWakesTooLate(t *testing.T) {
	t.Parallel()
	for name, move := range map[string]blow{"where it was": nothing, "elsewhere": roam} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, b := newLaptops(t)
			onA, onB := a.shell("devbox"), b.shell("devbox")
			a.agentIsNow(onA, b.key)
			b.must(both(stopKeeper, cut)(b))
			again := a.shell("devbox")
			a.agentIsNow(again, a.key)
			b.must(both(move, heal, wakeKeeper)(b))
			b.becomes("up again, with the other's link", func(s control.Status) bool { return s.State == control.Up && s.Link == "other" })
			b.agentIsNow(onB, a.key)
			a.agentIsNow(onA, a.key)
			a.exit(again)
			a.exit(onA)
			b.agentIs(onB, b.key)
			b.exit(onB)
			b.nothingLeft()
			a.nothingLeft()
		})
	}
}

// TestSameLaptopTwice: two destinations of one laptop on one devbox share the
// link, too.
func TestSameLaptopTwice(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first := w.shell("devbox")
	second := w.shell("devbox4")
	w.agentIsNow(first, w.key)
	w.exit(second)
	w.agentIs(first, w.key)
	w.exit(first)
	w.nothingLeft()
}
