//go:build linux

package main_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/mosha-ssh/mosha/internal/keeper/control"
	"github.com/mosha-ssh/mosha/internal/lab"
)

// TestLoginShellsOfOtherWords: what starts the session means the same to a
// login shell whose words are not sh's.
func TestLoginShellsOfOtherWords(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, shell := range []string{"elvish", "xonsh", "rc", "yash", "ksh93", "tcsh"} {
		w.login(shell, "")
		window := w.run("devbox", "--", "sh", "-c", `echo "[$SSH_AUTH_SOCK]"; ssh-add -l; echo "it's" '$HOME'; read x`)
		w.must(window.WaitFor(w.ctx(), `it's \$HOME`))
		screen := window.Screen()
		if !strings.Contains(screen, "["+w.dev.Path(".ssh/ssh_auth_sock")+"]") || !strings.Contains(screen, w.shown(w.key)) {
			t.Errorf("%s:\n%s", shell, screen)
		}
		w.must(window.Send("\r"))
		_, err := window.Wait(w.ctx())
		w.must(err)
		w.nothingLeft()
		r := w.examine("devbox")
		r.well()
		if shell != "ksh93" && shell != "tcsh" {
			r.is("login-shell", "warn", "^nothing is set up for "+shell+": a session has the agent, other logins do not$")
		}
		w.nothingLeft()
	}
}

// runtimeDir is where the devbox has what is the user's for as long as they
// are logged in, as systemd would make it.
const runtimeDir = "/run/user/lab"

// managed makes the account one whose home is root's.
func (w *world) managed() {
	w.t.Helper()
	w.must(os.Chmod(w.dev.Home, 0o755))
	for _, path := range []string{w.dev.Home, w.dev.Path(".ssh"), w.dev.Path(".ssh/authorized_keys")} {
		w.must(os.Chown(path, 0, 0))
		if info, err := os.Stat(path); err == nil && info.IsDir() {
			w.must(os.Chmod(path, 0o755))
		} else {
			w.must(os.Chmod(path, 0o644))
		}
	}
}

// logind makes a runtime directory, which an sshd with SetEnv names.
func (w *world) logind() {
	w.t.Helper()
	w.must(w.lab.Devbox.Do(func() error {
		if err := unix.Mount("tmpfs", "/run/user", "tmpfs", 0, "mode=0755"); err != nil {
			return err
		}
		if err := os.Mkdir(runtimeDir, 0o700); err != nil {
			return err
		}
		return os.Chown(runtimeDir, w.dev.UID, w.dev.GID)
	}))
}

// TestHomeOfRoot: the link is where the user can make it, and comes back there.
func TestHomeOfRoot(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "SetEnv XDG_RUNTIME_DIR="+runtimeDir)
	w.managed()
	w.logind()
	window := w.runSized(200, 30, "devbox")
	w.must(window.WaitOutput(w.ctx(), `mosha: warning: ~/\.ssh there cannot be written to: sessions find the agent by \$XDG_RUNTIME_DIR/ssh_auth_sock, other shells do not`))
	w.must(window.WaitFor(w.ctx(), `\$ ?$`))
	w.do(window, "echo $SSH_AUTH_SOCK", runtimeDir+"/ssh_auth_sock")
	w.agentIsNow(window, w.key)
	if s := w.status(); s.Link != "own" || !strings.Contains(strings.Join(s.Problems, "; "), "the link is in XDG_RUNTIME_DIR") {
		t.Errorf("its status is %+v", s)
	}
	r := w.examine("devbox")
	r.well2(t, "link")
	r.is("link", "warn", `^~/\.ssh there cannot be written to: a session has the link in \$XDG_RUNTIME_DIR$`)
	w.must(w.sshd.KillSessions())
	w.agentIs(window, w.key)
	w.exit(window)
	w.nothingLeft()
	w.examine("devbox").is("link", "warn", `^~/\.ssh there cannot be written to: a session has the link in \$XDG_RUNTIME_DIR$`)
	if left := w.remote("ls -A " + runtimeDir); left != "" {
		t.Errorf("left there: %s", left)
	}
}

// TestHomeOfRootAlone: where there is no such directory, the session has the
// connection's own socket, and mosha tells what that means.
func TestHomeOfRootAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.managed()
	window := w.shellWithout(`the session has the agent only until the connection breaks: ~/\.ssh/ssh_auth_sock cannot be set`, "devbox")
	w.do(window, "echo $SSH_AUTH_SOCK", `/tmp/ssh-\S+/agent\.\d+`)
	w.agentIsNow(window, w.key)
	w.becomes("a status that says so", func(s control.Status) bool {
		return s.Link == "failed" && strings.Contains(strings.Join(s.Problems, "; "), "until the connection breaks")
	})
	r := w.examine("devbox")
	r.well2(t, "link")
	r.is("link", "warn", `^~/\.ssh there cannot be written to, and there is no \$XDG_RUNTIME_DIR: a session has the agent until its connection breaks$`)
	w.exit(window)
	w.nothingLeft()
}

// TestNoRoomForTheLink: a quota shows only when the link is made.
func TestNoRoomForTheLink(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "SetEnv XDG_RUNTIME_DIR="+runtimeDir)
	w.logind()
	w.must(w.lab.Devbox.Do(func() error {
		return unix.Mount("tmpfs", w.dev.Home, "tmpfs", 0, fmt.Sprintf("nr_inodes=30,mode=0700,uid=%d,gid=%d", w.dev.UID, w.dev.GID))
	}))
	w.must(w.dev.Authorize(w.key.Pub))
	w.must(w.dev.Command(w.ctx(), "sh", "-c", "i=0; while (: >f$i) 2>/dev/null; do i=$((i+1)); done").Run())
	window := w.shell("devbox")
	w.do(window, "echo $SSH_AUTH_SOCK", runtimeDir+"/ssh_auth_sock")
	w.do(window, "ssh-add -l", w.fingerprint())
	w.exit(window)
	w.nothingLeft()
}

// TestRestrictedShell has mosh itself, and one line about the agent.
func TestRestrictedShell(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.login("rbash", "")
	window := w.shellWithout(`the session has no agent: the login shell there runs no /bin/sh \(it may be a restricted one`, "devbox")
	said := string(window.Transcript())
	if strings.Count(said, "warning:") != 1 {
		t.Errorf("it says %q", said)
	}
	w.do(window, "cd /", "restricted")
	w.exit(window)
	w.nothingLeft()
}

// TestShellThatFindsNoSh has mosh itself as long as it finds mosh-server.
func TestShellThatFindsNoSh(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "PermitUserEnvironment yes")
	w.login("rbash", "PATH=~/bin")
	w.remote("mkdir bin; ln -s $(command -v mosh-server) bin")
	window := w.shellWithout(`the session has no agent: the login shell there runs no /bin/sh`, "devbox")
	if said := string(window.Transcript()); strings.Count(said, "warning:") != 1 {
		t.Errorf("it says %q", said)
	}
	w.do(window, "cd /", "restricted")
	w.exit(window)
	w.nothingLeft()
}

// TestShellThatTakesOver: a start-up file runs another shell in place of every
// command. What mosha does there works all the same. mosh-server does not start,
// and mosha says so.
func TestShellThatTakesOver(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.must(w.dev.WriteFile(".zshrc", "", 0o644))
	for name, c := range map[string]struct{ bashrc, warned string }{
		"zsh":               {"exec zsh -l\n", ""},
		"fish":              {"exec fish\n", `mosha: warning: logging in takes long there`},
		"zsh on a terminal": {"if [ -t 0 ]; then exec zsh -l; fi\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			w.must(w.dev.WriteFile(".bashrc", c.bashrc, 0o644))
			window := w.runSized(250, 30, "devbox")
			w.must(window.WaitOutput(w.ctx(), `mosha: mosh-server has not started on devbox yet: a slow login, or a start-up file that runs another program there`))
			said := string(window.Transcript())
			if strings.Contains(said, "makes no sense") || strings.Contains(said, "file .ssh") || !strings.Contains(said, c.warned) ||
				strings.Count(said, "mosha: warning:") != strings.Count(c.warned, "warning") {
				t.Errorf("it says %q", said)
			}
			w.must(window.Send("\x03"))
			_, err := window.Wait(w.ctx())
			w.must(err)
		})
	}
	w.must(w.dev.WriteFile(".bashrc", "exec zsh -l\n", 0o644))
	w.examine("devbox").is("shell", "fail", `^a start-up file runs zsh in place of every command, mosh-server's start too$`)
	if out, stderr, code := w.local("--setup-only", "devbox"); code != 0 || !strings.Contains(out, "~/.ssh/rc: already in place") {
		t.Errorf("exit %d: %s%s", code, out, stderr)
	}
}

// TestSessionFromASession to the same machine leaves the link as it is: its
// agent is reached through that.
func TestSessionFromASession(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	outer := w.shell("devbox")
	link := w.remote("readlink .ssh/ssh_auth_sock")
	lines, err := w.sshd.HostKeyLines("localhost")
	w.must(err)
	w.must(w.dev.KnowHost(lines...))
	command := w.dev.Command(t.Context(), w.mosha, "localhost")
	command.Env = append(command.Env, "SSH_AUTH_SOCK="+w.dev.Path(".ssh/ssh_auth_sock"))
	inner, err := w.dev.Terminal(150, 24, command)
	w.must(err)
	w.must(inner.WaitFor(w.ctx(), `\$ ?$`))
	if said := string(inner.Transcript()); strings.Contains(said, "warning") {
		t.Errorf("it says %q", said)
	}
	for _, window := range []*lab.Terminal{inner, outer} {
		w.agentIsNow(window, w.key)
		if now := w.remote("readlink .ssh/ssh_auth_sock"); now != link {
			t.Errorf("the link was %s and is %s", link, now)
		}
	}
	w.exit(inner)
	w.agentIsNow(outer, w.key)
	w.exit(outer)
	w.nothingLeft()
}
