//go:build linux

package main_test

import (
	"strings"
	"testing"
)

// TestServerThatNoClientCanUse: a line that mosh-client would die of is not
// handed to it, and its key is shown to nobody.
func TestServerThatNoClientCanUse(t *testing.T) {
	w := newWorld(t)
	for line, problem := range map[string]string{
		"0 AAAAAAAAAAAAAAAAAAAAAA":     "bad port",
		"99999 AAAAAAAAAAAAAAAAAAAAAA": "bad port",
		"60001 AAAAAAAAAAAAAAAAAAAAAB": "bad key",
		"60001":                        "bad form",
	} {
		w.must(w.dev.WriteFile("server", "#!/bin/sh\necho MOSH CONNECT "+line+"\n", 0o700))
		window := w.runSized(200, 24, "--server="+w.dev.Path("server"), "devbox")
		code, err := window.Wait(w.ctx())
		w.must(err)
		screen := window.Screen()
		if code == 0 || !strings.Contains(screen, "mosha: mosh-server on devbox cannot be used: "+problem) || !strings.Contains(screen, "hint: ") || strings.Contains(screen, "AAAA") {
			t.Errorf("MOSH CONNECT %s: exit %d, %s", line, code, screen)
		}
	}
	w.nothingLeft()
}
