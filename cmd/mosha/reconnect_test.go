//go:build linux

package main_test

import (
	"strings"
	"testing"

	"github.com/mosha-ssh/mosha/internal/keeper/control"
)

// TestReconnect: a connection that was refused comes back when a person says
// so, who answers its questions, and ends with its session as before.
func TestReconnect(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	session := w.shell("devbox")
	w.must(w.me.WriteFile(".ssh/known_hosts", "", 0o600))
	w.must(w.sshd.KillSessions())
	w.needsAuth(`mosha reconnect devbox`)
	if _, stderr, code := w.local("reconnect", "devbox"); code != 5 || !strings.Contains(stderr, "start mosha on a terminal") {
		t.Errorf("without a terminal: exit %d, %s", code, stderr)
	}
	window := w.run("reconnect", "devbox")
	w.must(window.WaitFor(w.ctx(), `Are you sure`))
	w.must(window.Send("yes\r"))
	code, err := window.Wait(w.ctx())
	w.must(err)
	if code != 0 || !strings.HasSuffix(strings.TrimSpace(window.Screen()), "mosha: devbox: connected") {
		t.Errorf("exit %d:\n%s", code, window.Screen())
	}
	w.becomes("up with its session alone", func(s control.Status) bool { return s.State == control.Up && s.Sessions == 1 && !s.Kept })
	w.agentThere()
	w.runs("reconnect", "devbox") // once more: nothing is amiss, and mosha says nothing
	w.exit(session)
	w.nothingLeft() // it stayed for the session only
	if _, stderr, code := w.local("reconnect", "devbox"); code != 3 ||
		stderr != "mosha: no connection in the background for devbox\nmosha: hint: mosha status lists those that there are\n" {
		t.Errorf("where there is none: exit %d, %s", code, stderr)
	}
	if out := w.runs("status"); out != "no connection in the background\n" {
		t.Errorf("reconnect has started one: %s", out)
	}
}

// TestReconnectAtOnce: one that waits for its next attempt makes it, for as long
// as it was to stay, over the transport that it had.
func TestReconnectAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.runs("keep", "--transport=openssh", "devbox")
	w.must(w.sshd.Stop())
	w.must(w.sshd.KillSessions())
	w.becomes("lost", func(s control.Status) bool { return s.State == control.Lost || s.State == control.Waiting })
	_, stderr, code := w.local("reconnect", "devbox")
	if code != 4 || !strings.Contains(stderr, "cannot connect to devbox port 22") {
		t.Errorf("without a server: exit %d, %s", code, stderr)
	}
	w.must(w.sshd.Restart())
	w.runs("reconnect", "devbox")
	if s := w.status(); s.State != control.Up || !s.Kept || s.Transport != "openssh" {
		t.Errorf("status: %+v", s)
	}
	w.runs("stop", "devbox")
	w.nothingLeft()
}

// TestKeepSays what it did, on a terminal.
func TestKeepSays(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	window := w.run("keep", "devbox", "devbox4")
	code, err := window.Wait(w.ctx())
	w.must(err)
	want := "mosha: devbox: connected, and stays so until: mosha stop devbox\nmosha: devbox4: connected, and stays so until: mosha stop devbox4"
	if code != 0 || !strings.HasSuffix(strings.TrimSpace(window.Screen()), want) {
		t.Errorf("exit %d:\n%s", code, window.Screen())
	}
	w.runs("stop", "--all")
	w.nothingLeft()
}
