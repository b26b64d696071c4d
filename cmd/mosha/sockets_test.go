//go:build linux && openssh

package main_test

import (
	"strings"
	"testing"

	"github.com/mosha-ssh/mosha/internal/keeper/control"
	"github.com/mosha-ssh/mosha/internal/lab"
)

// TestNoSocketsAreLeft: sshd leaves the socket of a connection that broke, and
// the next connection removes it.
func TestNoSocketsAreLeft(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	window := w.shell("devbox")
	for n := 1; n <= 3; n++ {
		w.must(roam(w))
		w.becomes("up again", func(s control.Status) bool { return s.State == control.Up && s.Reconnects == n })
		w.agentIs(window, w.key)
	}
	const list = `find /tmp/ssh-* ~/.ssh/agent -user "$(id -un)" -type s 2>/dev/null || :`
	err := lab.Eventually(w.ctx(), "one socket", func() (bool, error) {
		out := w.remote(list)
		return out != "" && strings.Count(out, "\n") == 0, nil
	})
	if err != nil {
		t.Errorf("%v: %s", err, w.remote(list))
	}
	w.exit(window)
	w.nothingLeft()
	if out := w.remote(list); out != "" {
		t.Errorf("left after the end: %s", out)
	}
}
