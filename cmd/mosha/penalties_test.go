//go:build linux && openssh

package main_test

import (
	"strings"
	"testing"

	"github.com/mosha-ssh/mosha/internal/keeper"
)

// TestRecoveryIsNotPunished: what comes back after losses of every kind has not
// earned the address a penalty by which the server refuses it (PerSourcePenalties
// as they are by default, from OpenSSH 9.8 on).
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
			w.becomes("up", func(s keeper.Status) bool { reconnects = s.Reconnects; return s.State == keeper.Up })
			if reconnects < 4 {
				t.Errorf("%d reconnects", reconnects)
			}
			w.exit(window)
			w.nothingLeft()
			if log := w.sshd.Log(); strings.Contains(log, "penalty") || strings.Contains(log, "Not allowed at this time") {
				t.Errorf("sshd says\n%s", log)
			}
		})
	}
}
