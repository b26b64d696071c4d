//go:build linux

package main_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/mosha-ssh/mosha/internal/lab"
)

// TestWarningIsLeft: whoever reads what the session will miss can leave it
// there, and the server that waits for it ends.
func TestWarningIsLeft(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "AllowAgentForwarding no")
	server := `#!/bin/sh
trap '' HUP
setsid sleep 3600 >/dev/null 2>&1 </dev/null &
echo
echo "MOSH CONNECT 60001 AAAAAAAAAAAAAAAAAAAAAA"
echo "[mosh-server detached, pid = $!]"
`
	w.must(w.dev.WriteFile("server", server, 0o755))
	for _, key := range []string{"\x03", "\x1c"} { // Ctrl-C, Ctrl-\
		window := w.runSized(200, 24, "--server=./server", "devbox")
		w.must(window.WaitFor(w.ctx(), `(?s)the server forwards no agent.*press Enter`))
		w.must(lab.Eventually(w.ctx(), "a server", func() (bool, error) { return len(named(w.dev.Processes(), "sleep")) == 1, nil }))
		w.must(window.Send(key))
		code, err := window.Wait(w.ctx())
		w.must(err)
		if code != -1 {
			t.Errorf("exit %d, want the end by a signal:\n%s", code, window.Screen())
		}
		w.nothingLeft()
	}
}

// TestWarningWaitsNot for ever, nor where mosha was told that nobody reads it.
func TestWarningWaitsNot(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.must(w.agent.Stop())
	w.must(w.dev.Authorize(w.key.Pub))
	for ssh, waits := range map[string]bool{"ssh": true, "ssh -o BatchMode=yes": false, "ssh -q": false, "ssh -o LogLevel=ERROR": false} {
		window := w.runSized(200, 24, "--ssh="+ssh, "devbox")
		w.must(window.WaitFor(w.ctx(), `\$ ?$`))
		said := string(window.Transcript())
		if !strings.Contains(said, "no SSH agent answers") || strings.Contains(said, "press Enter") != waits {
			t.Errorf("with %s:\n%q", ssh, said)
		}
		w.exit(window)
		w.nothingLeft()
	}
}

// TestFirstLaunchSaysWhatItWrote, once, and nothing where nothing changed.
func TestFirstLaunchSaysWhatItWrote(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	line := regexp.MustCompile(`(?m)^mosha: set up (.*) on devbox \(mosha unsetup devbox takes it back\)\r?$`)
	launch := func(want string) {
		t.Helper()
		window := w.runSized(200, 24, "devbox")
		w.must(window.WaitFor(w.ctx(), `\$ ?$`))
		defer w.exit(window)
		got := ""
		if said := line.FindAllSubmatch(window.Transcript(), -1); len(said) == 1 {
			got = string(said[0][1])
		}
		if got != want {
			t.Errorf("it says that it set up %q, want %q:\n%q", got, want, window.Transcript())
		}
	}
	first := w.runSized(200, 24, "devbox")
	w.must(first.WaitFor(w.ctx(), `\$ ?$`))
	if said := line.FindSubmatch(first.Transcript()); said == nil || string(said[1]) != "~/.ssh/rc, ~/.bashrc and ~/.profile" {
		t.Errorf("the first launch said\n%q", first.Transcript())
	}
	launch("") // over the same connection
	w.exit(first)
	w.nothingLeft()
	launch("") // over another
	w.nothingLeft()
	w.must(w.dev.WriteFile(".bashrc", "alias a=b\n", 0o644))
	launch("~/.bashrc")
	w.nothingLeft()

	w.runs("unsetup", "devbox")
	window := w.runSized(200, 24, "keep", "devbox")
	_, err := window.Wait(w.ctx())
	w.must(err)
	if !line.Match(window.Transcript()) {
		t.Errorf("keep said\n%q", window.Transcript())
	}
	w.runs("stop", "devbox")
	w.nothingLeft()
}
