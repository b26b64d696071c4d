//go:build linux

package main_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/mosha-ssh/mosha/internal/lab"
)

// TestSession is the main job: a session in which the laptop's key is there,
// and nothing left when it ends.
func TestSession(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	window := w.shell("devbox")
	w.do(window, "ssh-add -l", w.fingerprint())
	w.do(window, "echo sock=$SSH_AUTH_SOCK", `sock=`+w.dev.Path(".ssh/ssh_auth_sock"))
	if code := w.exit(window); code != 0 {
		t.Errorf("mosh ended with %d", code)
	}
	w.nothingLeft()
	if n := w.sshd.Connections(); n != 1 {
		t.Errorf("a cold launch opened %d connections, want 1", n)
	}
}

// TestProcessIsMosh: nothing of mosha stands between the terminal and mosh.
func TestProcessIsMosh(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	window := w.shell("devbox")
	found := named(w.me.Processes(), "mosh-client")
	if len(found) != 1 || found[0].PID != window.Pid() {
		t.Errorf("the process in the terminal is not mosh-client: %v", found)
	}
	w.offTheTerminal()
	w.exit(window)
	w.nothingLeft()
}

// offTheTerminal: the keeper leads a session of its own and has no descriptor
// on the terminal.
func (w *world) offTheTerminal() {
	w.t.Helper()
	keepers := named(w.me.Processes(), "mosha")
	if len(keepers) != 1 {
		w.t.Fatalf("%d processes of mosha, want the keeper alone: %v", len(keepers), keepers)
	}
	pid := keepers[0].PID
	if session, err := unix.Getsid(pid); err != nil || session != pid {
		w.t.Errorf("the keeper's session is %d (%v), its pid %d", session, err, pid)
	}
	for fd := range 3 {
		to, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", pid, fd))
		if err != nil || strings.HasPrefix(to, "/dev/pts") {
			w.t.Errorf("the keeper's descriptor %d is %s (%v)", fd, to, err)
		}
	}
}

// TestSecondLaunchOpensNoConnection, and the keeper stays until the second
// session ends.
func TestSecondLaunchOpensNoConnection(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first := w.shell("devbox")
	second := w.shell("devbox")
	if n := w.sshd.Connections(); n != 1 {
		t.Errorf("two launches opened %d connections, want 1", n)
	}
	w.exit(first)
	w.do(second, "ssh-add -l", w.fingerprint())
	if out, _, code := w.local("status", "devbox"); code != 0 || !strings.Contains(out, "up") {
		t.Errorf("status with one session left: exit %d, %s", code, out)
	}
	w.exit(second)
	w.nothingLeft()
}

// TestEnds: however a session ends, the keeper goes with it.
func TestEnds(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*lab.Terminal) error{
		"window closed": (*lab.Terminal).Close,
		"client killed": (*lab.Terminal).Kill,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			window := w.shell("devbox")
			w.must(end(window))
			w.must(lab.Eventually(w.ctx(), "no process of mosha's on the laptop", func() (bool, error) {
				return len(named(w.me.Processes(), "mosha")) == 0, nil
			}))
			if link := w.remote("ls -l .ssh/ssh_auth_sock 2>&1 || :"); !strings.Contains(link, "No such file") {
				t.Errorf("the link is left: %s", link)
			}
		})
	}
}
