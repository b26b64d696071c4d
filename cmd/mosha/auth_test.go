//go:build linux

package main_test

import (
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/mosha-ssh/mosha/internal/keeper"
	"github.com/mosha-ssh/mosha/internal/lab"
)

// secret is what is typed in these tests. It must be found nowhere.
const secret = "Correct-Horse-77"

// newSecretWorld is a world whose devbox takes no key of the person's, but the
// password.
func newSecretWorld(t *testing.T, sshdLines ...string) *world {
	t.Helper()
	w := newWorld(t, append([]string{"PasswordAuthentication yes"}, sshdLines...)...)
	w.must(w.dev.WriteFile(".ssh/authorized_keys", "", 0o600))
	w.must(w.dev.SetPassword(secret))
	return w
}

// answer waits for a question and answers it.
func (w *world) answer(window *lab.Terminal, question, answer string) {
	w.t.Helper()
	w.must(window.WaitFor(w.ctx(), question))
	w.must(window.Send(answer + "\r"))
}

// noSecret checks that what was typed is in no file of the keeper's, in no log,
// and was not shown.
func (w *world) noSecret(windows ...*lab.Terminal) {
	w.t.Helper()
	for _, window := range windows {
		if strings.Contains(string(window.Transcript()), secret) {
			w.t.Errorf("%q was shown", secret)
		}
	}
	command := `grep -rlF '` + secret + `' "$XDG_RUNTIME_DIR"/mosha .local/state .ssh 2>/dev/null || :`
	if found := w.listing(w.me, command); found != "" {
		w.t.Errorf("what was typed is in %s", found)
	}
	log, err := exec.Command("grep", "-rF", secret, w.me.Path(".local/state")).Output()
	if err == nil {
		w.t.Errorf("the log has %s", log)
	}
}

// TestPassword: asked for on the terminal, without echo, and again when it is
// wrong. When the connection is lost, nothing is tried behind the person's back.
func TestPassword(t *testing.T) {
	w := newSecretWorld(t)
	window := w.run("devbox")
	prompt := regexp.QuoteMeta(w.dev.Name + "@devbox's password:")
	w.answer(window, prompt+"$", "wrong")
	w.answer(window, `Permission denied, please try again\.\n`+prompt+"$", secret)
	w.must(window.WaitFor(w.ctx(), `\$ ?$`))
	w.noSecret(window)

	tries := strings.Count(w.sshd.Log(), "Failed password")
	w.must(w.sshd.KillSessions())
	w.becomes("nothing is tried without the person", func(s keeper.Status) bool { return s.State == keeper.NeedsAuth })
	second := w.run("devbox")
	w.answer(second, prompt+"$", secret)
	w.must(second.WaitFor(w.ctx(), `\$ ?$`))
	if now := strings.Count(w.sshd.Log(), "Failed password"); now != tries {
		t.Errorf("%d passwords were refused behind the person's back", now-tries)
	}
	w.agentIs(second, w.key)
	w.noSecret(window, second)
	w.exit(second)
	w.exit(window)
	w.nothingLeft()
}

func TestPasswordWrongThreeTimes(t *testing.T) {
	w := newSecretWorld(t)
	window := w.runSized(200, 24, "devbox")
	for tried := range 3 {
		again := strings.Repeat(`Permission denied, please try again\.\n.*password:\n?`, tried)
		w.answer(window, `password:\n?`+again+`$`, "wrong")
	}
	code, err := window.Wait(w.ctx())
	w.must(err)
	w.failed(window.Screen(), code, 6, `^mosha: devbox was not let in as `)
	if tries := strings.Count(w.sshd.Log(), "Failed password"); tries != 3 {
		t.Errorf("%d passwords were tried", tries)
	}
}

// TestInterruptedQuestion: the terminal is as it was, whether a question is
// interrupted or stopped.
func TestInterruptedQuestion(t *testing.T) {
	w := newSecretWorld(t)
	window, err := w.me.Terminal(120, 24, w.me.Command(w.t.Context(), "dash", "-i")) // which leaves the terminal as it is
	w.must(err)
	echoes := func(turn string) {
		w.t.Helper()
		w.do(window, `stty -a | grep -o '[-]*echo ' | sed s/^/`+turn+`:/`, "^"+turn+`:echo$`)
	}
	w.do(window, w.mosha+" devbox", `password:$`)
	w.must(window.Send("half\x03"))
	w.must(window.WaitFor(w.ctx(), `password:\n+.*\$$`))
	echoes("interrupted")
	w.nothingLeftBut("dash")

	w.do(window, "clear; "+w.mosha+" devbox", `\A.*password:\z`)
	w.must(window.Send("half\x1a"))
	w.must(window.WaitFor(w.ctx(), `Stopped`))
	echoes("stopped")
	w.do(window, "clear; fg", `\A.*mosha devbox\n.*password:\z`)
	w.must(window.Send(secret + "\r"))
	w.must(window.WaitFor(w.ctx(), w.dev.Name+`@devbox.*\$ ?$`))
	w.noSecret(window)
	w.must(window.Send("exit\r"))
	w.must(window.WaitFor(w.ctx(), `mosh is exiting`))
	w.must(window.Send("exit\r"))
	_, err = window.Wait(w.ctx())
	w.must(err)
	w.nothingLeft()
}

// nothingLeftBut waits until the person runs nothing but the agent and that.
func (w *world) nothingLeftBut(name string) {
	w.t.Helper()
	w.must(lab.Eventually(w.ctx(), "nothing is left", func() (bool, error) {
		for _, p := range w.me.Processes() {
			if p.Name != "ssh-agent" && p.Name != name {
				return false, nil
			}
		}
		return true, nil
	}))
}
