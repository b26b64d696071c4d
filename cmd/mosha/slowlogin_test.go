//go:build linux && long

package main_test

import (
	"testing"

	"github.com/mosha-ssh/mosha/internal/keeper/control"
)

// TestSlowLoginShell: one that takes longer than a launch waits for it, at each
// login. The session has the agent when it is through, and again after a loss;
// a link that ~/.ssh/rc has set meanwhile stays.
func TestSlowLoginShell(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.runs("--setup-only", "devbox")
	w.becomes("nothing", func(s control.Status) bool { return s.State == "" })
	bashrc, err := w.dev.ReadFile(".bashrc")
	w.must(err)
	// ~/.ssh/rc is run by the login shell, too: twice that until the link
	// holder runs.
	w.must(w.dev.WriteFile(".bashrc", "[ -n \"$MOSH_KEY\" ] || sleep 9\n"+bashrc, 0o644))
	gone := w.watchLink()
	window := w.runSized(200, 24, "devbox")
	w.must(window.WaitOutput(w.ctx(), `mosha: warning: logging in takes long there: the session will have the agent`))
	w.must(window.Send("\r")) // it was read
	w.must(window.WaitFor(w.ctx(), `\$ ?$`))
	w.agentIs(window, w.key)
	held := func(s control.Status) bool { return s.Link == "own" && len(s.Problems) == 0 }
	w.becomes("held, without a problem", held)
	if n := gone(); n != "0" {
		t.Errorf("the link was gone %s times", n)
	}
	w.must(w.sshd.KillSessions())
	w.becomes("back", func(s control.Status) bool { return s.Reconnects == 1 && held(s) })
	w.agentIsNow(window, w.key)
	w.exit(window)
	w.nothingLeft()
}

// watchLink has the devbox look at the link all the time from when it is there.
// gone says how often it was not, and ends that.
func (w *world) watchLink() (gone func() string) {
	w.t.Helper()
	const script = `: >watching; until [ -S .ssh/ssh_auth_sock ]; do sleep .05; done
while [ -e watching ]; do [ -S .ssh/ssh_auth_sock ] || echo gone >>missing; sleep .02; done; : >watched`
	cmd := w.dev.Command(w.t.Context(), "sh", "-c", script)
	w.must(cmd.Start())
	return func() string {
		w.remote("rm watching")
		w.must(cmd.Wait())
		return w.remote("cat missing 2>/dev/null | wc -l")
	}
}
