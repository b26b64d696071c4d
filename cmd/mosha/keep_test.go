//go:build linux

package main_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mosha-ssh/mosha/internal/keeper/control"
	"github.com/mosha-ssh/mosha/internal/lab"
)

// runs is mosha without a terminal that has to succeed.
func (w *world) runs(args ...string) string {
	w.t.Helper()
	out, stderr, code := w.local(args...)
	if code != 0 || stderr != "" {
		w.t.Fatalf("mosha %s: exit %d, %s", strings.Join(args, " "), code, stderr)
	}
	return out
}

// agentThere waits until the agent answers on the devbox, outside of any
// session.
func (w *world) agentThere() {
	w.t.Helper()
	there := regexp.MustCompile(w.fingerprint())
	w.must(lab.Eventually(w.ctx(), "the agent on the devbox", func() (bool, error) {
		out := w.remote("SSH_AUTH_SOCK=$HOME/.ssh/ssh_auth_sock ssh-add -l 2>&1 || :")
		return there.MatchString(out), nil
	}))
}

// TestKeep: a keeper without a session, over a loss, until it is stopped. When
// keep returns, the agent is there.
func TestKeep(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if out := w.runs("keep", "devbox"); out != "" {
		t.Errorf("keep said %q", out)
	}
	if out := w.remote("SSH_AUTH_SOCK=$HOME/.ssh/ssh_auth_sock ssh-add -l"); !regexp.MustCompile(w.fingerprint()).MatchString(out) {
		t.Errorf("keep has returned, and the agent says %s", out)
	}
	w.exit(w.shell("devbox")) // it does not go with a session
	w.must(w.sshd.KillSessions())
	w.agentThere()
	if out := w.runs("status", "devbox"); !regexp.MustCompile(`devbox +up +0, kept +(-|\d.* ms) +\d{4}-.* 1 +\d+ +(-|own)\n`).MatchString(out) {
		t.Errorf("status of a kept keeper:\n%s", out)
	}
	w.runs("keep", "devbox") // again: nothing changes
	if n := w.sshd.Connections(); n != 2 {
		t.Errorf("%d connections, want 2", n)
	}
	w.runs("stop", "devbox")
	w.nothingLeft()
}

// TestKeepSeveral: mosha sees to the hosts one after the other, goes on to the next
// after a failure, and tells what a host lacks.
func TestKeepSeveral(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "AllowAgentForwarding no")
	_, stderr, code := w.local("keep", "nohost.invalid", "devbox", "devbox4")
	if code != 4 {
		t.Errorf("exit %d, want that of the first failure, 4", code)
	}
	want := `^mosha: cannot resolve host name nohost\.invalid.*\nmosha: hint: .*\n(mosha: warning: the server forwards no agent.*\n){2}$`
	if !regexp.MustCompile(want).MatchString(stderr) {
		t.Errorf("keep said\n%s", stderr)
	}
	lines := strings.Split(strings.TrimSpace(w.runs("status", "--json")), "\n")
	if len(lines) != 2 {
		t.Fatalf("status has %d lines, want one a keeper:\n%s", len(lines), lines)
	}
	w.runs("stop", "devbox", "devbox4")
	w.nothingLeft()
}

// TestKeepTakesUpAgain: a keeper that was refused waits for a person, who
// comes with mosha keep.
func TestKeepTakesUpAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.runs("keep", "devbox")
	keys, err := w.dev.ReadFile(".ssh/authorized_keys")
	w.must(err)
	w.must(w.dev.WriteFile(".ssh/authorized_keys", "", 0o600))
	w.must(w.sshd.KillSessions())
	w.must(lab.Eventually(w.ctx(), "needs-auth", func() (bool, error) {
		out, _, code := w.local("status", "devbox")
		return code == 3 && strings.Contains(out, "needs-auth") && strings.Contains(out, "mosha reconnect devbox"), nil
	}))
	if _, stderr, code := w.local("keep", "devbox"); code != 6 {
		t.Errorf("keep, refused again: exit %d, %s", code, stderr)
	}
	w.must(w.dev.WriteFile(".ssh/authorized_keys", keys, 0o600))
	w.runs("keep", "devbox")
	w.agentThere()
	w.runs("stop", "--all")
	w.nothingLeft()
}

// TestKeepTakesCorrectedConfig: what was corrected in ssh_config since the
// keeper was spawned lets it in, at once and when it comes back by itself.
func TestKeepTakesCorrectedConfig(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.keptWithAnotherKey()
	w.configure("IdentityFile ~/.ssh/other")
	w.runs("keep", "devbox")
	w.agentThere()
	w.must(w.sshd.KillSessions())
	w.becomes("up again", func(s control.Status) bool { return s.State == control.Up && s.Reconnects == 2 })
	w.runs("stop", "--all")
	w.nothingLeft()
}

// TestDoctorTakesCorrectedOptions: what a launch with them would find.
func TestDoctorTakesCorrectedOptions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	other := w.keptWithAnotherKey()
	w.examine("devbox").fails(6, map[string]string{"connection": `did not let you in`})
	w.examine("--ssh=ssh -i "+other.Path, "devbox").well2(t, "keeper")
	w.runs("stop", "--all")
	w.nothingLeft()
}

// keptWithAnotherKey has a keeper for the devbox that waits for the person,
// since only a key lets in that its configuration does not name.
func (w *world) keptWithAnotherKey() lab.Key {
	w.t.Helper()
	w.runs("keep", "devbox")
	other, err := w.me.NewKey("other", "ed25519")
	w.must(err)
	w.must(w.dev.WriteFile(".ssh/authorized_keys", other.Pub+"\n", 0o600))
	w.must(w.sshd.KillSessions())
	w.needsAuth(`authenticat|key`)
	return other
}

// TestLinger: the keeper stays for a while after the last session, and no
// longer.
func TestLinger(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	window := w.shell("--linger=2s", "devbox")
	left := time.Now()
	w.exit(window)
	w.must(w.me.WaitGone(w.ctx(), "mosha keeper"))
	if stayed := time.Since(left); stayed < 2*time.Second {
		t.Errorf("the keeper stayed %v after the session, want 2s", stayed)
	}
	w.nothingLeft()
}

// TestLingerComesBack: a keeper that lingers has the agent there again after
// its connection was lost, and after it was killed.
func TestLingerComesBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.exit(w.shell("--linger=1h", "devbox"))
	lingers := func(reconnects int) {
		t.Helper()
		w.becomes("up without a session", func(s control.Status) bool {
			return s.State == control.Up && s.Sessions == 0 && s.Reconnects == reconnects
		})
		w.agentThere()
	}
	lingers(0)
	w.must(w.sshd.KillSessions())
	lingers(1)
	w.must(killKeeper(w))
	lingers(0)
	w.runs("stop", "devbox")
	w.nothingLeft()
}

// TestStatusJSON: what it says is so.
func TestStatusJSON(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.lab.Cable.SetRTT(40 * time.Millisecond)
	window := w.shell("devbox")
	w.do(window, "ssh-add -l", w.fingerprint())
	w.becomes("measured", func(s control.Status) bool { return s.Trip > 0 && s.Link != "" && s.Requests > 0 })
	s := w.status()
	if s.Destination != "devbox" || s.HostName != "devbox" || s.User != w.dev.Name || s.Port != 22 {
		t.Errorf("of whom: %+v", s)
	}
	if s.State != "up" || s.Sessions != 1 || s.Kept || s.Reconnects != 0 || s.Link != "own" || s.Trip < 0.04 {
		t.Errorf("of what: %+v", s)
	}
	if age := time.Since(s.Since); age < 0 || age > limit {
		t.Errorf("connected since %v", s.Since)
	}
	if _, err := os.Stat(s.Log); err != nil {
		t.Error(err)
	}
	w.must(w.sshd.Stop())
	w.must(w.sshd.KillSessions())
	w.becomes("lost", func(s control.Status) bool { return s.State != control.Up && s.Lost > 0 })
	if trip := w.status().Trip; trip != 0 {
		t.Errorf("a round trip of %v s while it is lost", trip)
	}
	w.noMoreThanMilliseconds()
	if _, _, code := w.local("status", "devbox"); code != 3 {
		t.Errorf("exit %d while it is lost, want 3", code)
	}
	w.must(w.sshd.Restart())
	w.becomes("up again", func(s control.Status) bool { return s.State == control.Up && s.Link == "own" })
	if s := w.status(); s.Reconnects != 1 || s.Lost != 0 {
		t.Errorf("after a loss: %+v", s)
	}
	w.exit(window)
	w.nothingLeft()
}

// noMoreThanMilliseconds looks at every number that status --json prints, many
// times, as not every one of them shows how it was computed.
func (w *world) noMoreThanMilliseconds() {
	w.t.Helper()
	for range 50 {
		out, _, _ := w.local("status", "--json", "devbox")
		if long := regexp.MustCompile(`"[a-z_]+":-?\d+\.\d{4,}`).FindString(out); long != "" {
			w.t.Fatalf("%s in %s", long, out)
		}
	}
}

// TestStatusWatch redraws in place, shows a change, and gives the terminal
// back on Ctrl-C.
func TestStatusWatch(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	window := w.runSized(80, 24, "status", "--watch", "devbox")
	w.must(window.WaitFor(w.ctx(), `^no connection in the background for devbox`))
	w.runs("keep", "devbox")
	w.must(window.WaitFor(w.ctx(), `^HOST +STATE +SESSIONS.* +AGENT\ndevbox +up.* own$`))
	if screen := window.Screen(); strings.Contains(screen, "no connection") || strings.Count(screen, "HOST") != 1 {
		t.Errorf("the block was not redrawn in place:\n%s", screen)
	}
	w.must(window.Send("\x03"))
	code, err := window.Wait(w.ctx())
	w.must(err)
	if code != 0 {
		t.Errorf("exit %d, want that of a host that is up", code)
	}
	if said := string(window.Transcript()); !strings.HasSuffix(said, "\x1b[?7h\x1b[?25h") {
		t.Errorf("the terminal is left with %q", said[max(0, len(said)-40):])
	}
	w.runs("stop", "devbox")
	w.nothingLeft()
}

// TestSilentKeeper: a launch, status and stop that meet a keeper that was
// stopped by a signal say so, and are not held up for ever.
func TestSilentKeeper(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.runs("keep", "devbox", "devbox4")
	pid := w.keeperOf("devbox")
	w.must(syscall.Kill(pid, syscall.SIGSTOP))
	if _, stderr, code := w.local("status", "devbox"); code != 3 || !strings.Contains(stderr, "the connection in the background does not answer") {
		t.Errorf("status: exit %d, %s", code, stderr)
	}
	window := w.runSized(240, 24, "devbox")
	code, err := window.Wait(w.ctx())
	w.must(err)
	if code != 3 || !strings.HasPrefix(window.Screen(), "mosha: the connection in the background does not answer\nmosha: hint: ") {
		t.Errorf("a launch: exit %d, %s", code, window.Screen())
	}
	if out := w.runs("status"); !regexp.MustCompile(`(?s)^HOST.*\ndevbox4 +up.*\n[0-9a-f]{16}: the connection in the background does not answer`).MatchString(out) {
		t.Errorf("status of all:\n%s", out)
	}
	if _, stderr, code := w.local("stop", "--all"); code != 3 || !strings.Contains(stderr, "the connection in the background does not answer") {
		t.Errorf("stop: exit %d, %s", code, stderr)
	}
	w.must(syscall.Kill(pid, syscall.SIGCONT))
	w.must(w.me.WaitGone(w.ctx(), "mosha keeper")) // it obeys what a client told it meanwhile
	w.nothingLeft()
}

// keeperOf returns the pid of a destination's keeper, as its log has it.
func (w *world) keeperOf(host string) int {
	w.t.Helper()
	var started struct{ PID int }
	first, _, _ := strings.Cut(w.runs("log", host), "\n")
	w.must(json.Unmarshal([]byte(first), &started))
	return started.PID
}

// TestLog: JSON off a terminal, readable on one, followed over a rotation.
func TestLog(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.runs("keep", "devbox")
	for line := range strings.Lines(w.runs("log", "devbox")) {
		if !json.Valid([]byte(line)) {
			t.Errorf("not JSON: %s", line)
		}
	}
	w.must(w.me.AppendFile(logOf(w), `{"level":"warn","message":"hostile \u001b]0;title\u0007"}`+"\n"))
	window := w.runSized(160, 24, "log", "-f", "devbox")
	w.must(window.WaitOutput(w.ctx(), `\x1b\[32mINF\x1b\[0m .*keeper started`))
	w.must(window.WaitOutput(w.ctx(), regexp.QuoteMeta(`hostile \x1b]0;title\a`)))
	w.must(os.Rename(w.status().Log, w.status().Log+".old")) // as the keeper does; it goes on in the old one
	w.must(w.sshd.KillSessions())
	w.must(window.WaitOutput(w.ctx(), `(?s)state=.{0,8}lost`))
	w.must(w.me.WriteFile(logOf(w), `{"level":"info","message":"in the new one"}`+"\n", 0o600))
	w.must(window.WaitOutput(w.ctx(), `in the new one`))
	w.must(window.Send("\x03"))
	code, err := window.Wait(w.ctx())
	w.must(err)
	if code != 0 {
		t.Errorf("exit %d after Ctrl-C, want 0 as of a watch", code)
	}

	w.me.Setenv("NO_COLOR", "1")
	plain := w.runSized(160, 24, "log", "devbox")
	_, err = plain.Wait(w.ctx())
	w.must(err)
	if said := string(plain.Transcript()); strings.Contains(said, "\x1b") || !strings.Contains(said, "INF keeper started") {
		t.Errorf("with NO_COLOR:\n%q", said)
	}
	w.runs("stop", "devbox")
	w.nothingLeft()
}

// logOf is the log's path below the laptop user's home.
func logOf(w *world) string {
	w.t.Helper()
	path, err := filepath.Rel(w.me.Path(""), w.status().Log)
	w.must(err)
	return path
}
