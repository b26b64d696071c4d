//go:build linux

package main_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/mosha-ssh/mosha/internal/lab"
)

// TestMemoryOfATypedSecret: while something typed is in memory, no other process
// of the same user reads it there, and none of it gets into a core file. What was
// started beside it has the user's own limit.
func TestMemoryOfATypedSecret(t *testing.T) {
	t.Parallel()
	for _, transport := range []string{"native", "openssh"} {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.lock()
			w.must(w.me.WriteFile("client", "#!/bin/dash\nulimit -S -c > limit\nexec mosh-client \"$@\"\n", 0o700))
			shell := fmt.Sprintf("ulimit -S -c 8 && exec %s --transport=%s --client=%s devbox", w.mosha, transport, w.me.Path("client"))
			window, err := w.me.Terminal(200, 24, w.me.Command(t.Context(), "dash", "-c", shell))
			w.must(err)
			w.must(window.WaitFor(w.ctx(), "^Enter passphrase for key "))
			asking := named(w.me.Processes(), "mosha")
			if len(asking) != 2 {
				t.Fatalf("the launch and its keeper are %v", asking)
			}
			for _, p := range asking {
				w.closed(p, "0")
			}
			w.answer(window, "^Enter passphrase for key ", secret)
			w.must(window.WaitFor(w.ctx(), `\$ ?$`))
			w.closed(named(w.me.Processes(), "mosha")[0], "4096")                   // it has copies that it cannot overwrite
			if limit, err := w.me.ReadFile("limit"); err != nil || limit != "8\n" { // mosh-client itself then sets it to 0
				t.Errorf("mosh's limit of core files is %q blocks, %v", limit, err)
			}
			for _, ssh := range named(w.me.Processes(), "ssh") {
				if limit := w.coreLimit(ssh); limit != "4096" {
					t.Errorf("%v: its limit of core files is %s", ssh, limit)
				}
			}
			w.exit(window)
			w.nothingLeft()
		})
	}
}

// closed expects that the person's other processes cannot look into this one, and
// that its core file may have so many bytes.
func (w *world) closed(p lab.Proc, core string) {
	w.t.Helper()
	for _, file := range []string{"environ", "mem", "maps", "fd/0"} {
		out, err := w.me.Command(w.ctx(), "head", "-c", "1", fmt.Sprintf("/proc/%d/%s", p.PID, file)).CombinedOutput()
		if err == nil || !strings.Contains(string(out), "Permission denied") {
			w.t.Errorf("%v: %s can be read: %q", p, file, out)
		}
	}
	w.must(lab.Eventually(w.ctx(), "its limit of core files is "+core, func() (bool, error) { return w.coreLimit(p) == core, nil }))
}

// coreLimit is how many bytes a process's core file may have.
func (w *world) coreLimit(p lab.Proc) string {
	w.t.Helper()
	limits := w.listing(w.me, fmt.Sprintf("cat /proc/%d/limits", p.PID))
	found := regexp.MustCompile(`Max core file size +(\w+)`).FindStringSubmatch(limits)
	if found == nil {
		w.t.Fatalf("no limit in %s", limits)
	}
	return found[1]
}
