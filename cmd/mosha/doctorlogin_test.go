//go:build linux

package main_test

import (
	"os"
	"strings"
	"testing"

	"github.com/mosha-ssh/mosha/internal/lab"
)

// login gives the person another account on the devbox, with this login shell.
// What the server sets for it, if anything, is of the form NAME=VALUE, and ~ in
// it is the home.
func (w *world) login(shell, set string) {
	w.t.Helper()
	var err error
	w.dev, err = w.lab.Devbox.AddUser(shell)
	w.must(err)
	options := ""
	if set != "" {
		options = `environment="` + strings.ReplaceAll(set, "~", w.dev.Home) + `" `
	}
	w.must(w.dev.WriteFile(".ssh/authorized_keys", options+w.key.Pub+"\n", 0o600))
	w.must(w.me.WriteFile(".ssh/config", "Host devbox*\n  User "+w.dev.Name+"\n", 0o600))
}

// setUp runs the set-up.
func (w *world) setUp() {
	w.t.Helper()
	if _, stderr, code := w.local("--setup-only", "devbox"); code != 0 {
		w.t.Fatal(stderr)
	}
}

// setUpWell runs the set-up, and then the doctor has nothing to say of it.
func (w *world) setUpWell() {
	w.t.Helper()
	w.setUp()
	r := w.examine("devbox")
	r.well()
	for _, name := range []string{"setup", "user-rc", "login-shell"} {
		r.is(name, "ok", "")
	}
	w.nothingLeft()
}

// TestDoctorGivesAShellWhatTheServerSets: start-up files go by it, and so does
// the set-up.
func TestDoctorGivesAShellWhatTheServerSets(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "PermitUserEnvironment yes")
	t.Log("XDG_RUNTIME_DIR")
	w.login("bash", "XDG_RUNTIME_DIR=~")
	live := w.dev.Path("a.sock")
	agent := w.dev.Command(t.Context(), "ssh-agent", "-D", "-a", live)
	w.must(agent.Start())
	w.must(lab.Eventually(w.ctx(), "an agent there", func() (bool, error) {
		_, err := os.Stat(live)
		return err == nil, nil
	}))
	w.must(w.dev.WriteFile(".bash_profile", `export SSH_AUTH_SOCK="$XDG_RUNTIME_DIR/a.sock"`+"\n", 0o644))
	r := w.examine("devbox")
	r.well()
	r.is("login-shell", "warn", "^bash uses an agent of its own there: "+live+"$")

	t.Log("XDG_CONFIG_HOME")
	w.login("fish", "XDG_CONFIG_HOME=~/cfg")
	w.must(w.dev.WriteFile("cfg/fish/config.fish", "\n", 0o644))
	w.setUpWell()

	t.Log("ZDOTDIR")
	w.login("zsh", "ZDOTDIR=~/zdot")
	w.must(w.dev.WriteFile("zdot/.zshrc", "\n", 0o644))
	w.setUpWell()

	t.Log("ZDOTDIR by ~/.zshenv")
	w.login("zsh", "")
	w.must(w.dev.WriteFile("zdot/.zshrc", "\n", 0o644))
	w.must(w.dev.WriteFile(".zshenv", "export ZDOTDIR=~/zdot\n", 0o644))
	w.setUpWell()
}

// TestDoctorCuresWhatItCan: where set-up would change nothing, or is not for
// the shell, it is not the cure.
func TestDoctorCuresWhatItCan(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	unset := func(r report, check, cause, cure string) {
		t.Helper()
		r.is(check, "warn", cause)
		if got := r.rows[check].Cure; !strings.Contains(got, cure) {
			t.Errorf("the cure for %s is %q, want %q", check, got, cure)
		}
	}
	w.must(w.dev.WriteFile(".zshrc", "\n", 0o644))
	const beside = "^zsh has no SSH_AUTH_SOCK: it is not the login shell, and nothing is set up for it$"
	r := w.examine("devbox")
	unset(r, "login-shell", "^bash has no SSH_AUTH_SOCK$", "run mosha --setup-only devbox")
	unset(r, "shell-zsh", beside, "none is needed if bash starts it;")
	w.setUpWell()
	r = w.examine("devbox")
	unset(r, "shell-zsh", beside, "none is needed if bash starts it;")

	w.must(w.dev.AppendFile(".bashrc", "export SSH_AUTH_SOCK=\n"))
	r = w.examine("devbox")
	r.well()
	r.is("user-rc", "skip", "^not seen: start-up files change SSH_AUTH_SOCK before it is run$")
	unset(r, "login-shell", "^bash has no SSH_AUTH_SOCK, although it is set up$", "look for SSH_AUTH_SOCK in its start-up files")

	t.Log("bash is not the login shell, and its ~/.bashrc is set up all the same")
	w.login("zsh", "")
	w.must(w.dev.WriteFile(".bashrc", "\n", 0o644))
	w.must(w.dev.WriteFile(".bash_profile", ". ~/.bashrc\n", 0o644))
	unset(w.examine("devbox"), "shell-bash", "^bash has no SSH_AUTH_SOCK$", "run mosha --setup-only devbox")
	w.setUpWell()
	w.examine("devbox").is("shell-bash", "ok", "")

	t.Log("a home that cannot be written to")
	w.login("bash", "")
	w.must(w.dev.ReadOnlyHome())
	unset(w.examine("devbox"), "login-shell", "^bash has no SSH_AUTH_SOCK$", "what is said of setup comes first")
}

// TestDoctorLetsRCDecline: where a start-up file names another agent, that
// ~/.ssh/rc leaves the link alone is not the server's doing.
func TestDoctorLetsRCDecline(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	socket := w.hasOwnAgent("$HOME/.local/keyring")
	w.setUp()
	r := w.examine("devbox")
	r.well()
	r.is("setup", "ok", "")
	r.is("user-rc", "skip", "^not seen: start-up files change SSH_AUTH_SOCK before it is run$")
	r.is("login-shell", "warn", "^bash uses an agent of its own there: ")
	w.endOwnAgent(socket)
}
