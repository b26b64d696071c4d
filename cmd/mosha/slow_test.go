//go:build linux

package main_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/mosha-ssh/mosha/internal/keeper/control"
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
	labtest.Program(w.t, script, fmt.Sprintf("#!/bin/sh\n[ \"$PAM_TYPE\" = open_session ] || exit 0\nseconds=$(cat %[1]s)\necho >>%[1]s.began\nsleep \"$seconds\"\n", w.pauseFile()))
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
	steps := []time.Duration{12 * time.Second}
	if labtest.Whole {
		steps = append(steps, 8*time.Second, 25*time.Second, 40*time.Second)
	}
	for _, takes := range steps {
		for _, transport := range []string{"native", "openssh"} {
			t.Run(fmt.Sprint(takes, " over ", transport), func(t *testing.T) {
				t.Parallel()
				testSlowSessionStep(t, takes, transport)
			})
		}
	}
}

func testSlowSessionStep(t *testing.T, takes time.Duration, transport string) {
	w := newPAMWorld(t, takes)
	w.transport = transport
	window := w.shell("devbox")
	w.must(window.WaitOutput(w.ctx(), `mosha: devbox has let you in: waiting for it to open a session`))
	w.agentIsNow(window, w.key)
	if n := w.sshd.Connections(); n != 1 {
		t.Errorf("%d connections for a launch", n)
	}
	w.must(w.sshd.KillSessions())
	w.becomes("back", func(s control.Status) bool { return s.Reconnects == 1 && s.State == control.Up })
	w.agentIs(window, w.key)
	if n := w.sshd.Connections(); n != 2 {
		t.Errorf("%d connections for a launch and a loss", n)
	}
	w.exit(window)
	w.nothingLeft()
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
			w.must(lab.Eventually(w.ctx(), "the login, and the session step", func() (bool, error) {
				log, _, _ := w.local("log", "devbox")
				began, err := os.ReadFile(w.pauseFile() + ".began")
				return strings.Count(log, `"message":"connected"`) == 2 && len(began) == 2, err
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

// TestSlowKeyLookup: a server that asks elsewhere for a person's keys, twice a
// login, as slowly in the background as for the person.
func TestSlowKeyLookup(t *testing.T) {
	t.Parallel()
	const command = "/usr/local/sbin/mosha-slow-keys"
	w := newWorld(t, "AuthorizedKeysFile none", "AuthorizedKeysCommand "+command, "AuthorizedKeysCommandUser root")
	w.must(w.lab.Devbox.Replace(command, "#!/bin/sh\nsleep 6\ncat "+w.dev.Path(".ssh/authorized_keys")+"\n", 0o755))
	window := w.shell("devbox")
	w.agentIsNow(window, w.key)
	w.must(w.sshd.KillSessions())
	w.becomes("back", func(s control.Status) bool { return s.Reconnects == 1 && s.State == control.Up })
	w.agentIs(window, w.key)
	w.exit(window)
	w.nothingLeft()
}

// TestHangsUpAfterATypedLogin: mosha says so, and tries nothing again.
func TestHangsUpAfterATypedLogin(t *testing.T) {
	t.Parallel()
	for _, transport := range []string{"native", "openssh"} {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			w := newSecretWorld(t, "UsePAM yes")
			w.transport = transport
			script := filepath.Join(w.sshd.Dir(), "hangup")
			labtest.Program(t, script, "#!/bin/sh\nkill -9 \"$PPID\"\n")
			w.must(w.lab.Devbox.Replace("/etc/pam.d/sshd", "auth required pam_unix.so\naccount required pam_permit.so\nsession required pam_exec.so quiet "+script+"\n", 0o644))
			window := w.runSized(200, 24, "devbox")
			w.answer(window, regexp.QuoteMeta(w.dev.Name+"@devbox's password:")+"$", secret)
			code, err := window.Wait(w.ctx())
			w.must(err)
			if !strings.Contains(window.Screen(), "mosha: devbox let you in and closed the connection") || code != 4 {
				t.Errorf("exit code %d; screen:\n%s", code, window.Screen())
			}
			if n := w.sshd.Connections(); n != 1 {
				t.Errorf("%d connections", n)
			}
			w.nothingLeft()
		})
	}
}

// TestLaunchesQueueUp: each has its turn, however slow those before it are and
// however few sessions the server allows, and a word about it meanwhile.
func TestLaunchesQueueUp(t *testing.T) {
	t.Parallel()
	for _, most := range []string{"1", "2"} {
		t.Run(most, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, "MaxSessions "+most)
			w.must(w.dev.WriteFile(".bashrc", "[ -n \"$MOSH_KEY\" ] || sleep 3\n", 0o644))
			window := w.shell("devbox")
			windows := make([]*lab.Terminal, 4)
			for i := range windows {
				windows[i] = w.runSized(200, 24, "devbox", "--", "true")
			}
			waited := false
			for _, one := range windows {
				code, err := one.Wait(w.ctx())
				w.must(err)
				if code != 0 {
					t.Errorf("exit code %d; screen:\n%s", code, one.Screen())
				}
				waited = waited || strings.Contains(string(one.Transcript()), "opens no more sessions on the connection for now")
			}
			if !waited {
				t.Error("nobody was told of the queue")
			}
			w.agentIs(window, w.key)
			w.becomes("the link holder is back", func(s control.Status) bool { return s.Link == "own" })
			w.exit(window)
			w.nothingLeft()
		})
	}
}
