//go:build linux

package main_test

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/mosha-ssh/mosha/internal/lab"
)

func TestSetupOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.must(w.dev.WriteFile(".bashrc", "alias ll='ls -l'", 0o644)) // no last newline
	expect := func(want string) {
		t.Helper()
		out, stderr, code := w.local("--setup-only", "devbox")
		if code != 0 || out != want {
			t.Errorf("exit %d, printed\n%swant\n%s%s", code, out, want, stderr)
		}
	}
	expect("~/.ssh/rc: created\n~/.bashrc: changed\n~/.profile: created\n")
	w.nothingLeft()
	before := w.remote("cat .ssh/rc .bashrc .profile; stat -c '%n %y %i %a' .ssh/rc .bashrc .profile")
	if !strings.HasSuffix(w.remote("cat .bashrc"), "\nalias ll='ls -l'") {
		t.Errorf("what was in ~/.bashrc did not stay:\n%s", w.remote("cat .bashrc"))
	}
	expect("~/.ssh/rc: already in place\n~/.bashrc: already in place\n~/.profile: already in place\n")
	if after := w.remote("cat .ssh/rc .bashrc .profile; stat -c '%n %y %i %a' .ssh/rc .bashrc .profile"); after != before {
		t.Errorf("a second set-up changed something:\n%s\nbefore:\n%s", after, before)
	}
	w.nothingLeft()
}

// TestSetupOverARunningKeeper costs no connection and leaves the link alone.
func TestSetupOverARunningKeeper(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	window := w.shell("devbox")
	out, stderr, code := w.local("--setup-only", "devbox")
	if code != 0 || !strings.Contains(out, "already in place") {
		t.Errorf("exit %d: %s%s", code, out, stderr)
	}
	w.do(window, "ssh-add -l", w.fingerprint())
	w.exit(window)
	w.nothingLeft()
	if n := w.sshd.Connections(); n != 1 {
		t.Errorf("%d connections, want 1", n)
	}
}

// TestLoginShellHasTheAgent: after a set-up, a plain ssh -A, and an ssh without
// an agent while a session lasts, find the agent by the link.
func TestLoginShellHasTheAgent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	window := w.shell("devbox")
	out, err := w.me.Command(w.ctx(), "ssh", "-a", "devbox", "bash -lc 'echo $SSH_AUTH_SOCK; ssh-add -l'").CombinedOutput()
	w.must(err)
	if !strings.Contains(string(out), w.dev.Path(".ssh/ssh_auth_sock")) || !regexp.MustCompile(w.fingerprint()).Match(out) {
		t.Errorf("ssh without an agent of its own: %s", out)
	}
	w.exit(window)
	w.nothingLeft()
}

// TestHomeCannotBeWritten: the session starts all the same, nothing is half
// written, and --setup-only says what failed.
func TestHomeCannotBeWritten(t *testing.T) {
	t.Parallel()
	for said, prepare := range map[string]func(*world) error{
		"no space left": func(w *world) error {
			w.must(w.dev.LimitHome(64 << 10))
			w.must(w.dev.Authorize(w.key.Pub))
			return w.dev.Command(w.ctx(), "sh", "-c", "cat /dev/zero >filler 2>/dev/null || :").Run()
		},
		"the file system is read-only": func(w *world) error { return w.dev.ReadOnlyHome() },
	} {
		t.Run(said, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.must(prepare(w))
			before := w.homeFiles()
			window := w.shell("devbox")
			w.must(window.WaitOutput(w.ctx(), `mosha: warning: not written on the remote: ~/.ssh/rc, ~/.bashrc, ~/.profile: `+said))
			w.exit(window)
			w.must(w.me.WaitGone(w.ctx(), "mosha keeper"))
			if after := w.homeFiles(); after != before {
				t.Errorf("home was\n%s\nand is\n%s", before, after)
			}
			_, stderr, code := w.local("--setup-only", "devbox")
			if code != 7 || !strings.Contains(stderr, said) {
				t.Errorf("--setup-only: exit %d, %s", code, stderr)
			}
			w.must(w.me.WaitGone(w.ctx(), "mosha keeper"))
		})
	}
}

// TestCommandHasTheAgent: a command in place of a shell reads no start-up file
// and has the agent all the same, for ssh and git to a third machine.
func TestCommandHasTheAgent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	third, err := w.lab.AddMachine("third")
	w.must(err)
	other, err := third.AddUser("bash")
	w.must(err)
	w.must(other.Authorize(w.key.Pub))
	sshd, err := third.Sshd(lab.SshdConfig{})
	w.must(err)
	lines, err := sshd.HostKeyLines("third")
	w.must(err)
	w.must(w.dev.KnowHost(lines...))
	out, err := other.Command(w.ctx(), "sh", "-c", "git init -q r && cd r && git -c user.name=a -c user.email=a@b commit -q --allow-empty -m x && git rev-parse HEAD").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	head := strings.TrimSpace(string(out))
	for name, c := range map[string]struct{ command, want string }{
		"ssh-add": {"ssh-add -l", w.fingerprint()},
		"ssh":     {"ssh " + other.Name + "@third echo it-is-$((6*7))", "it-is-42"},
		"git":     {"git ls-remote " + other.Name + "@third:r HEAD", head},
	} {
		t.Run(name, func(t *testing.T) {
			window := w.run("devbox", "--", "sh", "-c", c.command+"; read x")
			w.must(window.WaitFor(w.ctx(), c.want))
			w.must(window.Send("\r"))
			_, err := window.Wait(w.ctx())
			w.must(err)
			w.nothingLeft()
		})
	}
}

// TestMoshOwnStartDoesNotStealTheLink, even where the configuration forwards
// the agent with every ssh.
func TestMoshOwnStartDoesNotStealTheLink(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.must(w.me.WriteFile(".ssh/config", "Host devbox\n User "+w.dev.Name+"\n ForwardAgent yes\n", 0o600))
	first := w.shell("devbox")
	link := w.remote("readlink .ssh/ssh_auth_sock")
	second := w.shell("devbox")
	if now := w.remote("readlink .ssh/ssh_auth_sock"); now != link {
		t.Errorf("the link was %s and is %s", link, now)
	}
	w.do(first, "ssh-add -l", w.fingerprint())
	w.exit(first)
	w.exit(second)
	w.nothingLeft()
}

// TestLossIsMended: the server's end of the connection is killed; the keeper
// comes back and the session has its agent again.
func TestLossIsMended(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	window := w.shell("devbox")
	old := w.remote("readlink .ssh/ssh_auth_sock")
	w.must(w.sshd.KillSessions())
	w.newLink(old)
	w.do(window, "clear; ssh-add -l", w.fingerprint())
	w.exit(window)
	w.nothingLeft()
}

// newLink waits until the link leads to another socket than old.
func (w *world) newLink(old string) {
	w.t.Helper()
	w.must(lab.Eventually(w.ctx(), "the link on a new socket", func() (bool, error) {
		now := w.remote("readlink .ssh/ssh_auth_sock || :")
		return now != "" && now != old, nil
	}))
}

// TestSilentLossIsMended: the network swallows everything for a while, in
// which the server restarts.
func TestSilentLossIsMended(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	window := w.shell("devbox")
	old := w.remote("readlink .ssh/ssh_auth_sock")
	w.lab.Cable.Cut()
	w.must(w.sshd.KillSessions())
	w.must(lab.Eventually(w.ctx(), "the keeper noticing", func() (bool, error) {
		_, _, code := w.local("status", "devbox")
		return code == 3, nil
	}))
	w.lab.Cable.Heal()
	w.newLink(old)
	w.do(window, "clear; ssh-add -l", w.fingerprint())
	w.exit(window)
	w.nothingLeft()
}

// TestLaunchesAtOnce share one keeper and one connection.
func TestLaunchesAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const launches = 5
	var all sync.WaitGroup
	windows := make([]*lab.Terminal, launches)
	for i := range launches {
		windows[i] = w.run("devbox")
	}
	for _, window := range windows {
		all.Go(func() {
			if err := window.WaitFor(w.ctx(), `\$ ?$`); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := w.sshd.Connections(); n != 1 {
		t.Errorf("%d launches at once opened %d connections, want 1", launches, n)
	}
	for _, window := range windows {
		w.exit(window)
	}
	w.nothingLeft()
}

// TestStop ends the keeper under a session, which goes on without the agent.
func TestStop(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	window := w.shell("devbox")
	if _, stderr, code := w.local("stop", "devbox"); code != 0 {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	w.must(lab.Eventually(w.ctx(), "no keeper", func() (bool, error) {
		return len(named(w.me.Processes(), "mosha")) == 0, nil
	}))
	w.do(window, "clear; ssh-add -l", `Error connecting to agent`)
	if _, stderr, code := w.local("stop", "devbox"); code != 3 || !strings.Contains(stderr, "no connection in the background for devbox") {
		t.Errorf("a second stop: exit %d, %s", code, stderr)
	}
	w.exit(window)
	w.local("status") // clears away the lease of a session that outlived its keeper
	w.nothingLeft()
}

// TestJump: the keeper goes through the jump host, and mosh's UDP to the
// address that the server reports.
func TestJump(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	jumper := w.addHop()
	window := w.shell("--ssh=ssh -J "+jumper.Name+"@hop", "devbox")
	w.do(window, "ssh-add -l", w.fingerprint())
	w.exit(window)
	w.nothingLeft()
}

// TestSSHOptionsCount: what --ssh says holds for the keeper's connection.
func TestSSHOptionsCount(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, err := w.lab.Devbox.Sshd(lab.SshdConfig{Port: 2222})
	w.must(err)
	other, err := w.me.NewKey("other key", "ecdsa")
	w.must(err)
	w.must(w.dev.WriteFile(".ssh/authorized_keys", other.Pub+"\n", 0o600))
	w.must(w.me.WriteFile("my config", "Host dev\n HostName devbox\n User "+w.dev.Name+"\n", 0o600))
	window := w.shell("--ssh=ssh -p 2222 -i '"+other.Path+"' -F 'my config' -o StrictHostKeyChecking=accept-new", "dev")
	w.do(window, "ssh-add -l", w.fingerprint())
	w.exit(window)
	w.nothingLeft()
}

// TestIPv6 takes the connection and mosh's own over IPv6.
func TestIPv6(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	window := w.shell("-6", "devbox")
	w.do(window, "echo $SSH_CONNECTION", w.lab.Devbox.Addr6().String())
	w.fails4(window)
	w.exit(window)
	w.nothingLeft()
}

// fails4: a launch with -4 fails while the open connection is IPv6.
func (w *world) fails4(*lab.Terminal) {
	w.t.Helper()
	second := w.runSized(200, 24, "-4", "devbox")
	code, err := second.Wait(w.ctx())
	w.must(err)
	if screen := second.Screen(); code != 1 || !strings.Contains(screen, "inet was asked for") {
		w.t.Errorf("exit %d:\n%s", code, screen)
	}
}

// TestRemoteIPModes: mosh's other ways to find the address work through the
// stand-in too.
func TestRemoteIPModes(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"remote", "local"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			window := w.shell("--experimental-remote-ip="+mode, "devbox")
			w.do(window, "ssh-add -l", w.fingerprint())
			w.exit(window)
			w.nothingLeft()
		})
	}
}

// TestNoSecretInTheLog: neither mosh's session key nor anything of the agent's.
func TestNoSecretInTheLog(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	window := w.shell("devbox")
	env, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", window.Pid()))
	w.must(err)
	key := regexp.MustCompile(`MOSH_KEY=([^\x00]*)`).FindSubmatch(env)
	if key == nil {
		// mosh-client takes it out of its environment, which the kernel still
		// shows
		t.Fatal("mosh-client has no key")
	}
	w.exit(window)
	w.nothingLeft()
	out, err := exec.Command("grep", "-rF", string(key[1]), w.me.Path("")).CombinedOutput()
	if err == nil {
		t.Errorf("the session key was written:\n%s", out)
	}
}
