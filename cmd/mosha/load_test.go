//go:build linux

package main_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/mosha-ssh/mosha/internal/keeper/control"
	"github.com/mosha-ssh/mosha/internal/lab"
	"github.com/mosha-ssh/mosha/internal/lab/labtest"
)

// launches is how many sessions one after the other begin and end.
var launches = labtest.Number(15, 100)

// launch begins a session that ends at once.
func (w *world) launch() {
	w.t.Helper()
	window := w.run("devbox", "--", "true")
	code, err := window.Wait(w.ctx())
	w.must(err)
	if code != 0 {
		w.t.Fatalf("exit code %d; screen:\n%s", code, window.Screen())
	}
	w.must(window.Close())
}

// TestLaunchesInARow, each the only session of its keeper: nothing is left.
func TestLaunchesInARow(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.launch()
	w.nothingLeft()
	before := w.files()
	for range launches {
		w.launch()
	}
	w.nothingLeft()
	if after := w.files(); after != before {
		t.Errorf("files were\n%s\nand are\n%s", before, after)
	}
	if n := w.sshd.Connections(); n > launches+1 {
		t.Errorf("%d launches made %d connections", launches+1, n)
	}
}

// files lists what mosha may have left on either side.
func (w *world) files() string {
	w.t.Helper()
	list := `find ~ "${XDG_RUNTIME_DIR-/nowhere}" /tmp/ssh-* -user "$(id -u)" ! -name .bash_history ! -name 'want-*' 2>/dev/null | sort`
	return w.listing(w.me, list) + w.remote(list)
}

// TestLaunchesBesideASession: the keeper does not grow.
func TestLaunchesBesideASession(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	window := w.shell("devbox")
	for range 10 {
		w.launch()
	}
	w.quiet(1)
	before := w.weigh()
	for range launches {
		w.launch()
	}
	w.quiet(1)
	var after weight
	err := lab.Eventually(w.ctx(), "as before", func() (bool, error) {
		after = w.weigh()
		return after == before, nil
	})
	if err != nil {
		t.Errorf("was %+v\nand is %+v", before, after)
	}
	if n := w.sshd.Connections(); n != 1 {
		t.Errorf("%d connections, want 1", n)
	}
	w.agentIsNow(window, w.key)

	old, grown := w.goroutines()
	w.agentIs(window, w.key)
	fresh, slim := w.goroutines()
	t.Logf("%d goroutines after %d launches, %d in a new keeper", grown, launches, slim)
	if old == fresh || grown > slim+3 {
		t.Errorf("the keeper %d had %d goroutines after %d launches, a new one (%d) %d", old, grown, launches, fresh, slim)
	}
	w.agentIs(window, w.key)
	w.exit(window)
	w.nothingLeft()
}

// quiet waits until the keeper counts so many sessions and has heard from its
// link holder, which is complete then.
func (w *world) quiet(sessions int) {
	w.t.Helper()
	w.becomes("the sessions that live", func(s control.Status) bool { return s.Sessions == sessions && s.Link == "own" })
}

// weight is what a keeper holds, here and on the devbox.
type weight struct {
	descriptors int
	processes   int // of the laptop's user
	remote      int // processes of the devbox's user
	files       string
}

func (w *world) weigh() weight {
	w.t.Helper()
	pid := w.keeper()
	fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	w.must(err)
	return weight{
		descriptors: len(fds),
		processes:   len(w.me.Processes()),
		remote:      len(w.dev.Processes()),
		files:       w.files(),
	}
}

var goroutine = regexp.MustCompile(`(?m)^goroutine \d+ .*\[`)

// goroutines kills the keeper in the way that has Go write them down, and
// counts them. The keeper comes back.
func (w *world) goroutines() (pid, n int) {
	w.t.Helper()
	logs, err := filepath.Glob(w.me.Path(".local/state/mosha/*.log"))
	w.must(err)
	if len(logs) != 1 {
		w.t.Fatalf("%d logs: %v", len(logs), logs)
	}
	before := len(w.file(logs[0]))
	pid = w.keeper()
	w.must(unix.Kill(pid, unix.SIGQUIT))
	w.must(lab.Eventually(w.ctx(), "another keeper", func() (bool, error) { return w.keeper() != pid, nil }))
	return pid, len(goroutine.FindAllString(w.file(logs[0])[before:], -1))
}

// TestTwentyLaunchesAtOnce share one keeper and one connection, though sshd
// takes ten sessions on that by default.
func TestTwentyLaunchesAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	windows := make([]*lab.Terminal, 20)
	for i := range windows {
		windows[i] = w.run("devbox")
	}
	var all sync.WaitGroup
	for _, window := range windows {
		all.Go(func() {
			if err := window.WaitFor(w.ctx(), `\$ ?$`); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if t.Failed() {
		return
	}
	w.quiet(len(windows))
	if n := w.sshd.Connections(); n != 1 {
		t.Errorf("%d launches at once opened %d connections, want 1", len(windows), n)
	}
	for _, window := range windows {
		w.agentIsNow(window, w.key)
	}
	for _, window := range windows {
		w.exit(window)
	}
	w.nothingLeft()
}

// TestThousandRequests: a thousand, or fewer, that all at once ask the agent,
// all are answered, and the keeper has nothing of them left.
func TestThousandRequests(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	window := w.shell("devbox")
	w.agentIsNow(window, w.key)
	w.must(w.dev.WriteFile("key.pub", w.key.Pub+"\n", 0o600))
	w.quiet(1)
	before := w.weigh()
	requests := w.status().Requests
	// Each line is a key that was listed.
	many, signatures := labtest.Number(200, 1000), labtest.Number(40, 200)
	w.ask(window, w.key, fmt.Sprintf("seq %d | xargs -P %[1]d -I{} ssh-add -l 2>/dev/null | grep -cFf WANT", many), fmt.Sprint(many))
	if n := w.status().Requests - requests; n < many {
		t.Errorf("the keeper counted %d requests", n)
	}
	w.ask(window, w.key, fmt.Sprintf("seq %d | xargs -P 50 -I{} sh -c 'ssh-keygen -Y sign -n file -f key.pub <key.pub >/dev/null 2>&1 && echo signed' | grep -c signed", signatures), fmt.Sprint(signatures))
	var after weight
	err := lab.Eventually(w.ctx(), "as before", func() (bool, error) {
		after = w.weigh()
		return after == before, nil
	})
	if err != nil {
		t.Errorf("was %+v\nand is %+v", before, after)
	}
	w.exit(window)
	w.nothingLeft()
}
