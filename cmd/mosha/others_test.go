//go:build linux

package main_test

import (
	"fmt"
	"testing"

	"github.com/mosha-ssh/mosha/internal/lab"
)

// newOtherWorld is a world whose devbox has another SSH server than OpenSSH's,
// as the host other.
func newOtherWorld(t *testing.T, serve func(m *lab.Machine, port int) (*lab.OtherServer, error)) (*world, *lab.OtherServer) {
	t.Helper()
	w := newWorld(t)
	server, err := serve(w.lab.Devbox, 2022)
	w.must(err)
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(server.Log())
		}
		w.must(server.Stop())
	})
	w.must(w.me.KnowHost("[devbox]:2022 " + server.HostKey))
	w.must(w.me.WriteFile(".ssh/config", fmt.Sprintf("Host other\n HostName devbox\n Port 2022\n User %s\n", w.dev.Name), 0o600))
	return w, server
}

// TestDropbear closes a session that nobody uses when another ends, also one
// that was opened ahead.
func TestDropbear(t *testing.T) {
	t.Parallel()
	w, server := newOtherWorld(t, (*lab.Machine).Dropbear)
	window := w.shell("other")
	w.agentIsNow(window, w.key)
	for range 3 {
		w.launchDuring(func() { w.runs("--setup-only", "other") })
	}
	if n := server.Connections(); n != 1 {
		t.Errorf("%d connections", n)
	}
	w.agentIsNow(window, w.key)
	w.exit(window)
	w.nothingLeft()
}

// launchDuring begins a session whose mosh starts only after something else.
func (w *world) launchDuring(between func()) {
	w.t.Helper()
	const wrapper = "#!/bin/sh\n: >held\nwhile [ -e held ]; do sleep .1; done\nexec /usr/bin/mosh \"$@\"\n"
	w.must(w.me.WriteFile("bin/mosh", wrapper, 0o755))
	window, err := w.me.Terminal(80, 24, w.me.Command(w.t.Context(), "env", "PATH="+w.me.Path("bin")+":/usr/bin:/bin", w.mosha, "other", "--", "true"))
	w.must(err)
	w.must(lab.Eventually(w.ctx(), "mosh starts", func() (bool, error) {
		_, err := w.me.ReadFile("held")
		return err == nil, nil
	}))
	between()
	w.must(w.me.Command(w.ctx(), "rm", "held").Run())
	code, err := window.Wait(w.ctx())
	w.must(err)
	if code != 0 {
		w.t.Fatalf("exit code %d; screen:\n%s", code, window.Screen())
	}
}
