//go:build linux

package main_test

import (
	"testing"
	"time"

	"github.com/mosha-ssh/mosha/internal/keeper/control"
	"github.com/mosha-ssh/mosha/internal/lab/labtest"
)

// TestFarAway comes back over a way on which a login takes longer than a server
// that is dead is usually waited for.
func TestFarAway(t *testing.T) {
	t.Parallel()
	for _, moved := range labtest.Rows(1, []bool{true, false}) {
		t.Run(map[bool]string{true: "moved there", false: "was there"}[moved], func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			if !moved {
				w.lab.Cable.SetRTT(4 * time.Second)
			}
			window := w.shell("devbox")
			w.lab.Cable.SetRTT(4 * time.Second)
			w.must(w.sshd.KillSessions())
			w.becomes("up again", func(s control.Status) bool { return s.State == control.Up && s.Reconnects > 0 })
			w.lab.Cable.SetRTT(0)
			w.agentIs(window, w.key)
			w.exit(window)
			w.nothingLeft()
		})
	}
}
