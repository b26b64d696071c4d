//go:build linux

package main_test

import (
	"os"
	"strings"
	"testing"
)

// TestLogIsAFIFO: what waits for a reader for ever holds nobody up, and is named.
func TestLogIsAFIFO(t *testing.T) {
	w := newWorld(t)
	w.runs("keep", "devbox")
	log := w.status().Log
	w.runs("stop", "devbox")
	w.must(os.Remove(log))
	w.must(w.me.Command(w.ctx(), "mkfifo", log).Run())
	w.fails(1, `^mosha: \S+\.log is no regular file\n^mosha: hint: remove it`, "devbox")
	for _, args := range [][]string{{"keep", "devbox"}, {"log", "devbox"}, {"log", "-f", "devbox"}} {
		if _, stderr, code := w.local(args...); code != 1 || !strings.HasPrefix(stderr, "mosha: "+log+" is no regular file\n") {
			t.Errorf("%q: exit %d, %s", args, code, stderr)
		}
	}
	w.must(os.Remove(log))
	w.must(os.WriteFile(log, nil, 0o600)) // of root's
	w.fails(1, `^mosha: \S+\.log belongs to user 0\n^mosha: hint: remove it`, "devbox")
	w.must(os.Remove(log))
	w.runs("keep", "devbox")
	w.runs("stop", "devbox")
	w.nothingLeft()
}
