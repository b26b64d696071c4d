//go:build linux

package main_test

import "testing"

// TestMatchExecAsks has a Match exec that asks on the terminal, as ssh lets it.
func TestMatchExecAsks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.lock()
	w.must(w.me.WriteFile(".ssh/config", `Match exec "ssh-add -l >/dev/null || ssh-add `+w.key.Path+`"
  User `+w.dev.Name+"\n", 0o600))
	window := w.runSized(200, 24, "devbox")
	w.answer(window, `Enter passphrase for .*: *$`, secret)
	w.must(window.WaitFor(w.ctx(), `\$ ?$`))
	w.agentIsNow(window, w.key)
	w.noSecret(window)
	w.exit(window)
	w.nothingLeft()
}
