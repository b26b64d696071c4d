//go:build linux

package main_test

import (
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/mosha-ssh/mosha/internal/keeper/control"
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
	w.becomes("nothing is tried without the person", func(s control.Status) bool { return s.State == control.NeedsAuth })
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
	w.failed(window.Screen(), code, 6, `^mosha: devbox did not let you in as `+w.dev.Name+`: what was typed was not accepted`)
	if strings.Contains(window.Screen(), "log") {
		t.Errorf("a log does not tell more about a wrong password:\n%s", window.Screen())
	}
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
	w.must(window.WaitFor(w.ctx(), `Stopped.*\n+\$ ?$`))
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

// lock has the person's key only in a file with a passphrase.
func (w *world) lock() {
	w.t.Helper()
	w.must(w.me.Command(w.ctx(), "ssh-keygen", "-q", "-p", "-P", "", "-N", secret, "-f", w.key.Path).Run())
	w.must(w.agent.Restart(false))
}

// TestPassphrase: asked for once the server takes the key. Afterwards the
// connection waits for the person, unless the agent got the key.
func TestPassphrase(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.lock()
	window := w.runSized(200, 24, "devbox")
	w.answer(window, "^Enter passphrase for key '"+regexp.QuoteMeta(w.key.Path)+"':$", "wrong")
	w.answer(window, "^Bad passphrase, try again for key '.*':$", secret)
	w.must(window.WaitOutput(w.ctx(), "if this connection is lost, it needs you again, unless an agent has the key: ssh-add "))
	w.must(window.WaitFor(w.ctx(), `\$ ?$`))
	w.must(w.sshd.KillSessions())
	w.becomes("it waits for the person", func(s control.Status) bool { return s.State == control.NeedsAuth })

	w.must(w.me.AppendFile(".ssh/config", "  AddKeysToAgent yes\n"))
	_, _, _ = w.local("stop", "devbox")
	second := w.runSized(200, 24, "devbox")
	w.answer(second, "^Enter passphrase for key ", secret)
	w.must(second.WaitFor(w.ctx(), `\$ ?$`))
	keys, err := w.agent.Keys()
	w.must(err)
	if len(keys) != 1 {
		t.Errorf("the agent has %q", keys)
	}
	w.must(w.sshd.KillSessions())
	w.becomes("it comes back by itself", func(s control.Status) bool { return s.State == control.Up && s.Reconnects > 0 })
	w.agentIs(second, w.key)
	w.noSecret(window, second)
	if shown := string(second.Transcript()); strings.Contains(shown, "needs you again") {
		t.Error("the agent has the key, and still is said that it has not")
	}
	w.exit(second)
	w.exit(window)
	w.nothingLeft()
}

// TestPassphraseOfARefusedKey: nobody is asked for the passphrase of a key that
// the server does not take.
func TestPassphraseOfARefusedKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.lock()
	w.must(w.dev.WriteFile(".ssh/authorized_keys", "", 0o600))
	w.fails(6, `^mosha: devbox did not let you in as `, "devbox")
}

// TestSeveralMethods: a key and then the password.
func TestSeveralMethods(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "PasswordAuthentication yes", "AuthenticationMethods publickey,password")
	w.must(w.dev.SetPassword(secret))
	window := w.run("devbox")
	w.answer(window, `password:$`, secret)
	w.must(window.WaitFor(w.ctx(), `\$ ?$`))
	w.agentIs(window, w.key)
	w.noSecret(window)
	w.exit(window)
	w.nothingLeft()
}

// TestAskpass: without a terminal a program is asked, if ssh's rules say so.
func TestAskpass(t *testing.T) {
	w := newSecretWorld(t)
	w.must(w.me.WriteFile("askpass", "#!/bin/sh\nprintf '%s\\n' \"$1\" >>asked\necho '"+secret+"'\n", 0o700))
	w.me.Setenv("SSH_ASKPASS", w.me.Path("askpass"))
	keep := func(code int, stderr string) {
		t.Helper()
		_, said, got := w.local("keep", "devbox")
		if got != code || !strings.Contains(said, stderr) {
			t.Errorf("exit code %d, want %d: %s", got, code, said)
		}
	}
	refused := "mosha has to ask you something: start it on a terminal"
	keep(6, refused) // no DISPLAY
	w.me.Setenv("DISPLAY", ":7")
	w.me.Setenv("SSH_ASKPASS_REQUIRE", "never")
	keep(6, refused)
	if asked, _ := w.me.ReadFile("asked"); asked != "" {
		t.Errorf("was asked %q", asked)
	}
	for _, require := range []string{"", "prefer", "force"} {
		w.me.Setenv("SSH_ASKPASS_REQUIRE", require)
		if require == "force" {
			w.me.Setenv("DISPLAY", "")
		}
		keep(0, "")
		w.noSecret()
		_, _, _ = w.local("stop", "devbox")
	}
	asked, err := w.me.ReadFile("asked")
	w.must(err)
	if want := strings.Repeat(w.dev.Name+"@devbox's password: \n", 3); asked != want {
		t.Errorf("was asked %q, want %q", asked, want)
	}
	// On a terminal mosha prefers it only if SSH_ASKPASS_REQUIRE says so.
	w.must(w.me.WriteFile("asked", "", 0o600))
	w.me.Setenv("DISPLAY", ":7")
	w.me.Setenv("SSH_ASKPASS_REQUIRE", "prefer")
	window := w.shell("devbox")
	w.exit(window)
	if asked, _ := w.me.ReadFile("asked"); asked == "" {
		t.Error("the program was not preferred")
	}
	w.me.Setenv("SSH_ASKPASS_REQUIRE", "")
	window = w.run("devbox")
	w.answer(window, `password:$`, secret)
	w.must(window.WaitFor(w.ctx(), `\$ ?$`))
	w.exit(window)
	w.nothingLeft()
}

// TestKeyboardInteractive: what PAM asks, in several rounds, with a banner
// before and a password that has to be changed.
func TestKeyboardInteractive(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.must(w.lab.Devbox.Replace("/etc/pam.d/sshd", strings.Join([]string{
		"auth required pam_unix.so", "account required pam_unix.so", "password required pam_unix.so", "session required pam_unix.so",
	}, "\n")+"\n", 0o644))
	w.must(w.dev.WriteFile("issue", "Be \x1b[31mnice\x07\n  here\n", 0o644))
	sshd, err := w.lab.Devbox.Sshd(lab.SshdConfig{Port: 2222, Extra: []string{
		"UsePAM yes", "KbdInteractiveAuthentication yes", "PubkeyAuthentication no", "Banner " + w.dev.Path("issue"),
	}})
	w.must(err)
	w.must(w.dev.SetPassword(secret))
	lines, err := sshd.HostKeyLines("devbox")
	w.must(err)
	w.must(w.me.KnowHost(lines...))
	asks := regexp.QuoteMeta("(" + w.dev.Name + "@devbox) ")

	window := w.runSized(120, 24, "--ssh=ssh -p 2222", "devbox")
	w.must(window.WaitFor(w.ctx(), `^Be \\x1b\[31mnice\\a\n  here\n`+asks+`Password:$`))
	w.must(window.Send("wrong\r"))
	w.answer(window, asks+`Password:\n+`+asks+`Password:$`, secret)
	w.must(window.WaitFor(w.ctx(), `\$ ?$`))
	w.noSecret(window)
	w.exit(window)

	w.must(exec.Command("chage", "-d", "0", w.dev.Name).Run())
	window = w.runSized(120, 24, "--ssh=ssh -p 2222", "devbox")
	w.answer(window, `Password:$`, secret)
	w.answer(window, `(?i)current password:$`, secret)
	w.answer(window, `(?i)^.*\) new password:$`, secret+"-2")
	w.answer(window, `(?i)retype new password:$`, secret+"-2")
	w.must(window.WaitFor(w.ctx(), `\$ ?$`))
	w.noSecret(window)
	w.exit(window)
	w.nothingLeft()
}

// TestServerHangsUpAtAQuestion: a question is void when the server ends the
// connection. The launch ends by itself, with the terminal as it was.
func TestServerHangsUpAtAQuestion(t *testing.T) {
	w := newSecretWorld(t)
	window, err := w.me.Terminal(120, 24, w.me.Command(w.t.Context(), "dash", "-i"))
	w.must(err)
	w.do(window, w.mosha+` devbox; echo "code $?"`, `password:$`)
	w.must(w.sshd.KillSessions())
	w.must(window.WaitFor(w.ctx(), `^mosha: connection closed by devbox port 22 \(auth\)\n(.*\n)+code 4$`))
	w.do(window, `stty -a | grep -o '[-]*echo ' | sed s/^/after:/`, `^after:echo$`)
	w.must(window.Send("exit\r"))
	_, err = window.Wait(w.ctx())
	w.must(err)
	w.nothingLeft()
}
