//go:build linux

package main_test

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/mosha-ssh/mosha/internal/keeper/control"
	"github.com/mosha-ssh/mosha/internal/lab"
)

// TestRebootedWithANewHostKey: it is refused and said, nothing is tried again,
// and the session lives.
func TestRebootedWithANewHostKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	window := w.shell("devbox")
	w.must(w.sshd.NewHostKey())
	w.must(w.sshd.KillSessions())
	w.needsAuth(`host key`)
	w.triesNothing()
	w.do(window, "clear; echo alive-$((6*7))", "alive-42")

	second := w.runSized(240, 24, "devbox")
	code, err := second.Wait(w.ctx())
	w.must(err)
	if code != 5 || !strings.Contains(second.Screen(), "the host key of devbox has CHANGED") {
		t.Errorf("a later launch: exit code %d, want 5; screen:\n%s", code, second.Screen())
	}
	w.needsAuth(`host key`)
	w.triesNothing()

	w.must(w.me.WriteFile(".ssh/known_hosts", "", 0o600))
	w.knowHost()
	third := w.shell("devbox")
	w.agentIs(third, w.key)
	w.agentIs(window, w.key)
	w.exit(third)
	w.exit(window)
	w.nothingLeft()
}

// TestKeyNoLongerAuthorized: nothing is tried again until a person comes.
func TestKeyNoLongerAuthorized(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	window := w.shell("devbox")
	w.must(w.dev.WriteFile(".ssh/authorized_keys", "", 0o600))
	w.must(w.sshd.KillSessions())
	w.needsAuth(`not let in|authenticat|key`)
	w.triesNothing()
	w.do(window, "clear; echo alive-$((6*7))", "alive-42")

	w.must(w.dev.Authorize(w.key.Pub))
	w.triesNothing()
	second := w.shell("devbox")
	w.agentIs(second, w.key)
	w.agentIs(window, w.key)
	w.exit(second)
	w.exit(window)
	w.nothingLeft()
}

// TestSessionEndsWhileItNeedsAuth: the keeper goes with it, as with any other.
func TestSessionEndsWhileItNeedsAuth(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	window := w.shell("devbox")
	w.must(w.dev.WriteFile(".ssh/authorized_keys", "", 0o600))
	w.must(w.sshd.KillSessions())
	w.needsAuth(`not let in|authenticat|key`)
	w.exit(window)
	w.nothingLeft()
}

// needsAuth waits until the keeper needs a person, and checks that status says
// so, and why, in words that match the pattern.
func (w *world) needsAuth(why string) {
	w.t.Helper()
	w.becomes("needs-auth", func(s control.Status) bool { return s.State == control.NeedsAuth })
	out, _, code := w.local("status", "devbox")
	if code != 3 || !strings.Contains(out, "needs-auth") || !regexp.MustCompile(why).MatchString(out) {
		w.t.Errorf("status: exit code %d, want 3, needs-auth and %q:\n%s", code, why, out)
	}
}

// triesNothing checks that for some seconds, in which a keeper that has lost
// its network would make ten attempts, and though the network changes, the
// server is left alone.
func (w *world) triesNothing() {
	w.t.Helper()
	before := w.sshd.Connections()
	w.must(roam(w))
	time.Sleep(5 * time.Second)
	if n := w.sshd.Connections() - before; n != 0 {
		w.t.Errorf("%d attempts were made behind the person's back", n)
	}
}

// TestAgentOnANewSocket: the next launch brings it, to the sessions that run
// as well.
func TestAgentOnANewSocket(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	window := w.shell("devbox")
	w.agentIs(window, w.key)
	other, err := w.me.NewKey("other", "ed25519")
	w.must(err)
	w.must(w.agent.Restart(true))
	w.must(w.agent.Add(other))
	w.me.Setenv("SSH_AUTH_SOCK", w.agent.Sock)
	w.agentAnswersNot(window)

	w.must(w.agent.Add(w.key)) // for the server
	second := w.shell("devbox")
	w.agentIs(second, other)
	w.agentIsNow(window, other)
	w.exit(second)
	w.agentIsNow(window, other)
	w.exit(window)
	w.nothingLeft()
}

// agentAnswersNot checks that a request ends without a key.
func (w *world) agentAnswersNot(window *lab.Terminal) {
	w.t.Helper()
	w.ask(window, w.key, "timeout 200 ssh-add -l 2>&1 | grep -c SHA256:", "0")
}

// TestAgentRestarted where its path stays: it is used at once.
func TestAgentRestarted(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		prepare blow
		newSock bool
	}{
		"on the same socket":    {nothing, false},
		"behind IdentityAgent":  {identityAgent, true},
		"behind a stable path":  {stablePath, true},
		"after a reconnection":  {killSessions, false},
		"after the keeper died": {killKeeper, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			stable := w.me.Path("agent")
			point := func() { w.must(w.me.Command(w.ctx(), "ln", "-sfn", w.agent.Sock, stable).Run()) }
			point()
			if c.newSock {
				w.must(c.prepare(w))
			}
			window := w.shell("devbox")
			w.agentIs(window, w.key)
			if !c.newSock {
				w.must(c.prepare(w))
				w.agentIs(window, w.key)
			}
			other, err := w.me.NewKey("other", "ed25519")
			w.must(err)
			w.must(w.agent.Restart(c.newSock))
			w.must(w.agent.Add(other))
			point()
			w.agentIsNow(window, other)
			w.exit(window)
			w.nothingLeft()
		})
	}
}

func identityAgent(w *world) error {
	w.me.Unsetenv("SSH_AUTH_SOCK")
	return w.me.WriteFile(".ssh/config", "Host devbox\n User "+w.dev.Name+"\n IdentityAgent ~/agent\n", 0o600)
}

func stablePath(w *world) error {
	w.me.Setenv("SSH_AUTH_SOCK", w.me.Path("agent"))
	return nil
}
