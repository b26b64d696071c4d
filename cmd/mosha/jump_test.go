//go:build linux

package main_test

import (
	"strings"
	"testing"

	"github.com/mosha-ssh/mosha/internal/keeper/control"
)

// TestJumpHostWithAMaster: the configuration has a master made for every hop,
// and the laptop's address changes. The connection comes back, and with the
// keeper everything ends that it started.
func TestJumpHostWithAMaster(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	jumper := w.addHop()
	w.must(w.me.WriteFile(".ssh/config", "Host hop*\n User "+jumper.Name+"\n ControlMaster auto\n ControlPath ~/.ssh/cm-%C\n ControlPersist 10m\n"+
		"Host hop\n ProxyJump hop4\nHost devbox\n User "+w.dev.Name+"\n ProxyJump hop\n", 0o600))
	if _, stderr, code := w.local("keep", "devbox"); code != 0 {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	w.must(roam(w))
	w.becomes("up again", func(s control.Status) bool { return s.State == control.Up && s.Reconnects > 0 })
	if _, stderr, code := w.local("stop", "devbox"); code != 0 {
		t.Errorf("exit code %d: %s", code, stderr)
	}
	if left := w.listing(w.me, "ls -A .ssh"); strings.Contains(left, "cm-") {
		t.Errorf("a master is left:\n%s", left)
	}
	w.nothingLeft()
}

// TestProxySpeaks to the person: what it prints is on their terminal while it
// waits for them, and harmless. mosha tells its last words once.
func TestProxySpeaks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	speak := func(then string) {
		w.must(w.me.WriteFile(".ssh/config", "Host devbox\n User "+w.dev.Name+
			"\n ProxyCommand sh -c 'printf \"visit \\033]0;title\\007https://login.example/CODE\\n\" >&2; "+then+"'\n", 0o600))
	}
	speak("until test -e logged-in; do sleep .1; done; exec nc %h %p")
	window := w.run("devbox")
	w.must(window.WaitFor(w.ctx(), `visit \]0;titlehttps://login\.example/CODE`))
	w.must(w.me.WriteFile("logged-in", "", 0o600))
	w.must(window.WaitFor(w.ctx(), `\$ ?$`))
	w.exit(window)
	w.nothingLeft()

	speak("echo >&2 too late; exit 1")
	_, stderr, code := w.local("keep", "devbox")
	if code != 4 || strings.Count(stderr, "too late") != 2 || !strings.HasPrefix(stderr, "visit ") {
		t.Errorf("exit code %d: %s", code, stderr)
	}
}

// TestLaunchPastADeadMaster: a person comes while the connection is lost, and
// their own master for the hop, which has a network no more either, is still
// there.
func TestLaunchPastADeadMaster(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	jumper := w.addHop()
	w.must(w.me.WriteFile(".ssh/config", "Host hop4\n User "+jumper.Name+"\n ControlPath ~/.ssh/cm-%C\n"+
		"Host devbox\n User "+w.dev.Name+"\n ProxyJump hop4\n", 0o600))
	w.must(w.me.Command(w.ctx(), "ssh", "-M", "-f", "-N", "hop4").Run())
	if _, stderr, code := w.local("keep", "devbox"); code != 0 {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	w.must(cut(w))
	w.must(roam(w))
	w.becomes("lost", func(s control.Status) bool { return s.State == control.Lost })
	launch := w.me.Command(w.ctx(), w.mosha, w.withTransport([]string{"keep", "devbox"})...)
	var stderr strings.Builder
	launch.Stderr = &stderr
	w.must(launch.Start())
	w.becomes("taken up", func(s control.Status) bool { return s.State == control.Connecting })
	w.must(heal(w))
	if err := launch.Wait(); err != nil {
		t.Errorf("%v: %s", err, stderr.String())
	}
	if _, stderr, code := w.local("stop", "devbox"); code != 0 {
		t.Errorf("exit code %d: %s", code, stderr)
	}
	w.must(w.me.Command(w.ctx(), "ssh", "-O", "exit", "hop4").Run())
	w.nothingLeft()
}
