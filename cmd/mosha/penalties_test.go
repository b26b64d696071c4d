//go:build linux && openssh

package main_test

import (
	"strings"
	"testing"

	"github.com/mosha-ssh/mosha/internal/keeper/control"
)

// TestRecoveryIsNotPunished: what comes back after losses of every kind is not
// refused by the server (PerSourcePenalties as they are by default, from OpenSSH
// 9.8 on). A connection that another was faster than costs a second, of which
// fifteen count.
func TestRecoveryIsNotPunished(t *testing.T) {
	t.Parallel()
	for _, transport := range []string{"native", "openssh"} {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, "PerSourcePenalties yes")
			w.transport = transport
			window := w.shell("devbox")
			reconnects := 0
			for _, blow := range []blow{killSessions, roam, killSessions, both(cut, heal), roam, killSessions, roam} {
				w.must(blow(w))
				w.agentIs(window, w.key)
			}
			w.becomes("up", func(s control.Status) bool { reconnects = s.Reconnects; return s.State == control.Up })
			if reconnects < 4 {
				t.Errorf("%d reconnects", reconnects)
			}
			w.exit(window)
			w.nothingLeft()
			if log := w.sshd.Log(); strings.Contains(log, "drop connection") {
				t.Errorf("sshd says\n%s", log)
			}
		})
	}
}
