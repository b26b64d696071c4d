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
)

// TestOneAddressTwoMachines: a private address behind two proxies is two
// machines, each with a keeper and a host key of its own.
func TestOneAddressTwoMachines(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	third, err := w.lab.AddMachine("third")
	w.must(err)
	other, err := third.AddUser("bash")
	w.must(err)
	w.must(other.Authorize(w.key.Pub))
	sshd, err := third.Sshd(lab.SshdConfig{})
	w.must(err)
	lines, err := sshd.HostKeyLines("otherbox")
	w.must(err)
	w.must(w.me.KnowHost(lines...))
	lines, err = w.sshd.HostKeyLines("onebox")
	w.must(err)
	w.must(w.me.KnowHost(lines...))
	relay := `bash -c 'exec 3<>/dev/tcp/%s/22; cat <&3 & cat >&3; kill %%%%1'`
	w.must(w.me.WriteFile(".ssh/config", fmt.Sprintf(
		"Host *\n HostName 10.0.0.5\nHost one\n User %s\n HostKeyAlias onebox\n ProxyCommand "+relay+
			"\nHost two\n User %s\n HostKeyAlias otherbox\n ProxyCommand "+relay+"\n",
		w.dev.Name, w.lab.Devbox.Addr(), other.Name, third.Addr()), 0o600))
	one := w.shell("one")
	two := w.shell("two")
	w.do(one, "clear; whoami", `^`+w.dev.Name)
	w.do(two, "clear; whoami", `^`+other.Name)
	w.exit(one)
	w.exit(two)
	w.nothingLeft()
}

// TestOldShellsAgent: a launch from a shell whose SSH_AUTH_SOCK is stale takes
// the agent from nobody.
func TestOldShellsAgent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first := w.shell("devbox")
	w.me.Setenv("SSH_AUTH_SOCK", "/tmp/gone/agent.1")
	second := w.shell("devbox")
	w.do(first, "ssh-add -l", w.fingerprint())
	w.do(second, "ssh-add -l", w.fingerprint())
	w.exit(first)
	w.exit(second)
	w.nothingLeft()
}

// TestLaunchWhileReconnectingClaimsTheLink, although the link holder was begun
// by the reconnect.
func TestLaunchWhileReconnectingClaimsTheLink(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first := w.shell("devbox")
	someoneElse, err := w.dev.Agent() // empty, and alive
	w.must(err)
	w.lab.Cable.SetRTT(300 * time.Millisecond)
	w.must(w.sshd.KillSessions())
	w.remote("ln -sfn " + someoneElse.Sock + " .ssh/ssh_auth_sock")
	second := w.shell("devbox")
	w.do(second, "clear; ssh-add -l", w.fingerprint())
	w.exit(first)
	w.exit(second)
	w.must(someoneElse.Stop())
	w.nothingLeft()
}

// TestFewSessions: a server that opens one or two sessions on a connection is
// enough for mosh, and so for mosha.
func TestFewSessions(t *testing.T) {
	t.Parallel()
	for _, n := range []string{"1", "2", "3"} {
		t.Run(n, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, "MaxSessions "+n)
			window := w.shell("devbox")
			w.must(lab.Eventually(w.ctx(), "the link", func() (bool, error) {
				return w.remote("test -S .ssh/ssh_auth_sock && echo there || :") != "", nil
			}))
			w.do(window, "ssh-add -l", w.fingerprint())
			w.exit(window)
			w.nothingLeft()
		})
	}
}

// TestKeepWithOneSession: the set-up and the link holder take turns, and the
// holder has the last one.
func TestKeepWithOneSession(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "MaxSessions 1")
	for _, args := range [][]string{{"keep", "devbox"}, {"--setup-only", "devbox"}} {
		w.runs(args...)
		w.becomes("held again", func(s control.Status) bool { return s.Link == "own" })
		w.agentThere()
	}
	w.runs("stop", "devbox")
	w.nothingLeft()
}

// TestRoughStartUpFiles: what a ~/.bashrc may do to whoever runs a command
// there.
func TestRoughStartUpFiles(t *testing.T) {
	t.Parallel()
	for name, bashrc := range map[string]string{
		"prints":                  "echo hello; echo world >&2",
		"eats a byte of input":    "[ -t 0 ] || read -r -t 1 -n 1 x",
		"a long line without end": `head -c 4500 /dev/zero | tr '\0' x; sleep 0.3`,
		"control characters":      `printf '\033]0;title\007\033[31m'`,
		"sets the link itself":    `export SSH_AUTH_SOCK=$HOME/.ssh/ssh_auth_sock`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.must(w.dev.WriteFile(".bashrc", bashrc+"\n", 0o644))
			window := w.shell("devbox")
			w.do(window, "clear; ssh-add -l", w.fingerprint())
			w.exit(window)
			w.nothingLeft()
		})
	}
}

// TestDescriptorsAreNotKept: a lock that a script holds on a descriptor is not
// held by the keeper, which outlives it.
func TestDescriptorsAreNotKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	lock := w.me.Path("lock")
	window, err := w.me.Terminal(80, 24, w.me.Command(t.Context(), "sh", "-c", "exec 9>"+lock+"; exec "+w.mosha+" devbox"))
	w.must(err)
	w.must(window.WaitFor(w.ctx(), `\$ ?$`))
	keeper := named(w.me.Processes(), "mosha")
	if len(keeper) != 1 {
		t.Fatalf("%d keepers: %v", len(keeper), keeper)
	}
	fds, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", keeper[0].PID))
	w.must(err)
	for _, fd := range fds {
		if to, _ := os.Readlink(fd); to == lock {
			t.Errorf("the keeper has %s", to)
		}
	}
	held, _ := os.Readlink(fmt.Sprintf("/proc/%d/fd/9", window.Pid()))
	if held != lock {
		t.Errorf("mosh-client's descriptor 9 is %q, want %s as mosh would have it", held, lock)
	}
	w.exit(window)
	w.nothingLeft()
}

// TestQuestionGoesToTheNext: two launches wait for an unknown host key; the one
// that is asked goes away.
func TestQuestionGoesToTheNext(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.must(w.me.WriteFile(".ssh/known_hosts", "", 0o600))
	question := regexp.QuoteMeta(`(yes/no/[fingerprint])?`)
	first := w.runSized(200, 24, "devbox")
	w.must(first.WaitFor(w.ctx(), question))
	second := w.runSized(200, 24, "devbox")
	w.must(lab.Eventually(w.ctx(), "the second launch attached", func() (bool, error) {
		return len(named(w.me.Processes(), "mosha")) == 3, nil // two launchers and the keeper
	}))
	w.must(first.Close())
	w.must(second.WaitFor(w.ctx(), question))
	w.must(second.Send("yes\r"))
	w.must(second.WaitFor(w.ctx(), `\$ ?$`))
	w.exit(second)
	w.nothingLeft()
}

// TestLocal runs mosh-server here: no ssh, and so no keeper.
func TestLocal(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	window := w.run("--local", "127.0.0.1", "--", "sh", "-c", "echo it-is-$((6*7)); read x")
	w.must(window.WaitFor(w.ctx(), "it-is-42"))
	if out, _, _ := w.local("status"); !strings.Contains(out, "no connection in the background") {
		t.Error(out)
	}
	w.must(window.Send("\r"))
	_, err := window.Wait(w.ctx())
	w.must(err)
	w.nothingLeft()
}
