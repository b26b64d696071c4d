//go:build linux

package lab

import (
	"testing"

	"github.com/hinshun/vt10x"
)

func TestScreenOfSplitSequences(t *testing.T) {
	const text = "a\u00e4\u20ac\U0001f511z"
	for size := 1; size <= len(text); size++ {
		term := &Terminal{emulator: vt10x.New(vt10x.WithSize(20, 2)), changed: make(chan struct{})}
		for rest := text; rest != ""; {
			n := min(size, len(rest))
			term.show([]byte(rest[:n]))
			rest = rest[n:]
		}
		if got := term.Screen(); got != text {
			t.Errorf("in pieces of %d bytes: %q, want %q", size, got, text)
		}
	}
}
