//go:build linux

package main_test

import (
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mosha-ssh/mosha/internal/keeper"
	"github.com/mosha-ssh/mosha/internal/lab"
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

// TestOutage: whatever interrupts a session's connection and for however long,
// the agent is back afterwards without anybody doing anything, and requests
// that were under way have ended.
func TestOutage(t *testing.T) {
	t.Parallel()
	for name, outage := range map[string]struct {
		begin blow
		lasts time.Duration
		end   blow
	}{
		"cable cut for 5 s":              {cut, 5 * time.Second, heal},
		"cable cut for 60 s":             {cut, time.Minute, heal},
		"cable cut for 180 s":            {cut, 3 * time.Minute, heal},
		"cable cut, then a new address":  {cut, 20 * time.Second, both(roam, heal)},
		"cable cut for 20 s" + atOnce:    {cut, 20 * time.Second, heal},
		"new address" + atOnce:           {roam, 0, nothing},
		"new address":                    {roam, 0, nothing},
		"new address twice":              {both(roam, roam), 0, nothing},
		"new address, and one more":      {roam, time.Second, roam},
		"interface down":                 {linkDown, 10 * time.Second, linkUp},
		"keeper stopped":                 {stopKeeper, time.Minute, wakeKeeper},
		"keeper stopped, address new":    {both(stopKeeper, roam), 30 * time.Second, wakeKeeper},
		"server's processes killed":      {killSessions, 0, nothing},
		"server's processes kept killed": {killSessions, 2 * time.Second, killSessions},
		"server restarted":               {both(stopServer, killSessions), 5 * time.Second, startServer},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			window := w.shell("devbox")
			w.agentIs(window, w.key)
			begin, ended := w.requests(window)
			if !strings.HasSuffix(name, atOnce) {
				w.quiet(1)
			}
			w.must(outage.begin(w))
			begin()
			time.Sleep(outage.lasts) // the experiment's parameter
			w.must(outage.end(w))
			over := time.Now()
			w.agentIs(window, w.key)
			t.Logf("the agent was back after %v", time.Since(over))
			ended()
			t.Logf("requests from the outage had ended after %v", time.Since(over))
			w.becomes("up with one session", func(s keeper.Status) bool { return s.State == keeper.Up && s.Sessions == 1 })
			w.exit(window)
			w.nothingLeft()
		})
	}
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
	w.becomes("needs-auth", func(s keeper.Status) bool { return s.State == keeper.NeedsAuth })
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
	w.ask(window, w.key, "timeout 20 ssh-add -l 2>&1 | grep -c SHA256:", "0")
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
