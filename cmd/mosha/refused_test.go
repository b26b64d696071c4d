//go:build linux && openssh

package main_test

import (
	"strings"
	"testing"
)

// TestPunished: the server refuses an address for a while after a failed login
// (PerSourcePenalties, from 9.8 on), and says so in place of its version.
func TestPunished(t *testing.T) {
	t.Parallel()
	for _, transport := range []string{"native", "openssh"} {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, "PerSourcePenalties authfail:600 min:1")
			w.transport = transport
			if _, stderr, code := w.local("keep", "--ssh=ssh -o User=nobody", "devbox"); code != 6 {
				t.Fatalf("exit %d, %s", code, stderr)
			}
			_, stderr, code := w.local("keep", "devbox")
			if !strings.Contains(w.sshd.Log(), "drop connection") {
				t.Error("the server has not refused a connection")
			}
			if code != 4 || !strings.Contains(stderr, `it says "Not allowed at this time"`) {
				t.Errorf("exit %d, %s", code, stderr)
			}
		})
	}
}
