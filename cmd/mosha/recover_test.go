//go:build linux

package main_test

import (
	"errors"
	"fmt"
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
		w.becomes("up with both sessions", func(s keeper.Status) bool { return s.State == keeper.Up && s.Sessions == 2 })
		w.remote("rm begin ended waiting")
	}
	w.exit(first)
	w.agentIsNow(second, w.key)
	w.becomes("up with the second", func(s keeper.Status) bool { return s.State == keeper.Up && s.Sessions == 1 })
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

// TestKeeperAndGuardianKilled: nobody is left to bring them back; the next
// launch does, and counts the session that it finds.
func TestKeeperAndGuardianKilled(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	window := w.shell("devbox")
	w.must(both(stopKeeper, killGuardian, killKeeper)(w)) // a stopped keeper makes no new guardian
	w.must(w.me.WaitGone(w.ctx(), "mosha keeper"))
	if _, stderr, code := w.local("status", "devbox"); code != 3 || !strings.Contains(stderr, "no keeper runs for devbox") {
		t.Errorf("status: exit code %d, want 3: %s", code, stderr)
	}
	second := w.shell("devbox")
	w.agentIs(window, w.key)
	w.becomes("up with both sessions", func(s keeper.Status) bool { return s.State == keeper.Up && s.Sessions == 2 })
	w.exit(second)
	w.agentIsNow(window, w.key)
	w.exit(window)
	w.nothingLeft()
}

// TestLaptopCannotWrite: no log can be written, and the session is there all
// the same.
func TestLaptopCannotWrite(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]blow{
		"home read-only": func(w *world) error { return w.me.ReadOnlyHome() },
		"disk full": func(w *world) error {
			config, known := w.file(".ssh/config"), w.file(".ssh/known_hosts")
			w.must(w.me.LimitHome(64 << 10))
			w.must(w.me.WriteFile(".ssh/config", config, 0o600))
			w.must(w.me.WriteFile(".ssh/known_hosts", known, 0o600))
			return w.me.Command(w.ctx(), "sh", "-c", "cat /dev/zero >filler 2>/dev/null || :").Run()
		},
		"disk full later": func(w *world) error {
			w.exit(w.shell("devbox"))
			w.nothingLeft()
			return w.me.ReadOnlyHome()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.must(prepare(w))
			window := w.shell("devbox")
			w.agentIs(window, w.key)
			w.must(w.sshd.KillSessions())
			w.agentIs(window, w.key)
			w.must(killKeeper(w))
			w.agentIs(window, w.key)
			w.exit(window)
			w.nothingLeft()
		})
	}
}

func (w *world) file(name string) string {
	w.t.Helper()
	content, err := w.me.ReadFile(name)
	w.must(err)
	return content
}

// TestRuntimeDirectoryFull: wherever on its way a launch finds no room for one
// more file, it says so in one line or starts the session all the same.
func TestRuntimeDirectoryFull(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	dir := w.me.Path("run")
	w.must(w.me.Command(w.ctx(), "mkdir", "-m", "700", dir).Run())
	w.me.Setenv("XDG_RUNTIME_DIR", dir)
	refused, started := 0, 0
	for files := 1; started < 2; files++ {
		w.mount(dir, files)
		window := w.runSized(240, 24, "devbox", "--", "sh", "-c", "echo begun; read x")
		err := window.WaitFor(w.ctx(), "^begun$")
		switch {
		case err == nil:
			started++
			w.must(window.Send("\r"))
			_, err := window.Wait(w.ctx())
			w.must(err)
			w.nothingLeft()
		case errors.Is(err, lab.ErrEnded):
			refused++
			t.Logf("room for %d: %s", files-1, window.Screen())
			code, err := window.Wait(w.ctx())
			w.must(err)
			w.failed(window.Screen(), code, 1, `\Amosha: .*no space left on device.*\n?(mosha: hint: .*\n?)?\z`)
		default:
			t.Fatal(err)
		}
		w.must(w.me.Machine.Command(w.ctx(), "umount", dir).Run())
	}
	if refused == 0 {
		t.Error("no launch was refused, so that nothing was full")
	}
}

// mount puts a file system that takes so many files on the directory.
func (w *world) mount(dir string, files int) {
	w.t.Helper()
	// The first of its inodes is the directory itself.
	options := fmt.Sprintf("nr_inodes=%d,mode=0700,uid=%d,gid=%d", files, w.me.UID, w.me.GID)
	w.must(w.me.Machine.Command(w.ctx(), "mount", "-t", "tmpfs", "-o", options, "tmpfs", dir).Run())
}
