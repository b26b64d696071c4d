//go:build linux

package main_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mosha-ssh/mosha/internal/keeper"
	"github.com/mosha-ssh/mosha/internal/lab"
	"github.com/mosha-ssh/mosha/internal/lab/labtest"
)

// newPAMWorld has an sshd whose session step takes a while, as pam_systemd's
// does at times: it comes after the login, and sshd reads nothing meanwhile.
func newPAMWorld(t *testing.T, takes time.Duration) *world {
	t.Helper()
	w := newWorld(t, "UsePAM yes")
	w.sessionStepTakes(takes)
	script := filepath.Join(w.sshd.Dir(), "pause")
	labtest.Program(w.t, script, fmt.Sprintf("#!/bin/sh\n[ \"$PAM_TYPE\" != open_session ] || sleep \"$(cat %s)\"\n", w.pauseFile()))
	w.must(w.lab.Devbox.Replace("/etc/pam.d/sshd", "account required pam_permit.so\nsession required pam_exec.so quiet "+script+"\n", 0o644))
	return w
}

func (w *world) pauseFile() string { return filepath.Join(w.sshd.Dir(), "pause.seconds") }

func (w *world) sessionStepTakes(d time.Duration) {
	w.t.Helper()
	w.must(os.WriteFile(w.pauseFile(), []byte(fmt.Sprint(d.Seconds())), 0o644))
}

// TestSlowSessionStep: a server that does much between the login and its first
// answer is waited for, as ssh does, by a launch and by the background, and
// nobody dials it again meanwhile.
func TestSlowSessionStep(t *testing.T) {
	t.Parallel()
	testSlowSessionStep(t, 12*time.Second)
}

func testSlowSessionStep(t *testing.T, takes time.Duration) {
	for _, transport := range []string{"native", "openssh"} {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			w := newPAMWorld(t, takes)
			w.transport = transport
			window := w.shell("devbox")
			w.must(window.WaitOutput(w.ctx(), `mosha: devbox has let you in: waiting for it to open a session`))
			w.agentIsNow(window, w.key)
			if n := w.sshd.Connections(); n != 1 {
				t.Errorf("%d connections for a launch", n)
			}
			w.must(w.sshd.KillSessions())
			w.becomes("back", func(s keeper.Status) bool { return s.Reconnects == 1 && s.State == keeper.Up })
			w.agentIs(window, w.key)
			if n := w.sshd.Connections(); n != 2 {
				t.Errorf("%d connections for a launch and a loss", n)
			}
			w.exit(window)
			w.nothingLeft()
		})
	}
}

// TestDeadAfterTheLogin: the network goes while the server is at its session
// step, for longer than anybody waits for. That is not taken for a slow server.
func TestDeadAfterTheLogin(t *testing.T) {
	t.Parallel()
	for name, outage := range map[string]blow{
		"a new address":  both(cut, roam, heal),
		"a dead network": both(cut, isLost, heal),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newPAMWorld(t, 0)
			window := w.shell("devbox")
			w.agentIsNow(window, w.key)
			w.sessionStepTakes(2 * limit)
			w.must(w.sshd.KillSessions())
			w.must(lab.Eventually(w.ctx(), "the login", func() (bool, error) {
				return strings.Count(w.sshd.Log(), "Accepted publickey") == 2, nil
			}))
			w.sessionStepTakes(0)
			w.must(outage(w))
			w.agentIs(window, w.key)
			w.exit(window)
			w.must(w.sshd.KillSessions())
			w.nothingLeft()
		})
	}
}

// isLost waits until the connection is given up.
func isLost(w *world) error {
	return lab.Eventually(w.ctx(), "the keeper dials beside it", func() (bool, error) {
		log, _, _ := w.local("log", "devbox")
		return strings.Contains(log, "dialing beside"), nil
	})
}
