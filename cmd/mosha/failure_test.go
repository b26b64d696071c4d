//go:build linux

package main_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/mosha-ssh/mosha/internal/keeper/control"
	"github.com/mosha-ssh/mosha/internal/lab"
)

// fails runs mosha in a window and checks that it ends with this code and
// shows lines that match the pattern, that a line of its own says no more than
// one fact, and that nothing is left.
func (w *world) fails(code int, pattern string, args ...string) {
	w.t.Helper()
	window := w.runSized(240, 24, args...)
	got, err := window.Wait(w.ctx())
	w.must(err)
	w.failed(window.Screen(), got, code, pattern)
}

func (w *world) failed(screen string, got, code int, pattern string) {
	w.t.Helper()
	if got != code {
		w.t.Errorf("exit code %d, want %d; screen:\n%s", got, code, screen)
	}
	if !regexp.MustCompile(`(?m)` + pattern).MatchString(screen) {
		w.t.Errorf("the screen does not match %q:\n%s", pattern, screen)
	}
	w.nothingLeft()
}

func TestNetworkFailures(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.must(w.me.WriteFile(".ssh/config", "ConnectTimeout 2\nHost devbox\n User "+w.dev.Name+"\n", 0o600))
	t.Run("name does not resolve", func(t *testing.T) {
		w.fails(4, `^mosha: cannot resolve host name nohost\.invalid: no name server (answers|has an answer)\n`, "nohost.invalid")
	})
	t.Run("refused", func(t *testing.T) {
		w.fails(4, `^mosha: cannot connect to devbox port 2222 .*refused\n^mosha: hint: no SSH server listens.*log: .*\.log`,
			"--ssh=ssh -p 2222", "devbox")
	})
	t.Run("silent", func(t *testing.T) {
		w.lab.Cable.Cut()
		defer w.lab.Cable.Heal()
		w.fails(4, `^mosha: no answer from devbox port 22 within 2 s \(connect\)`, "devbox")
	})
	t.Run("accepts and says nothing", func(t *testing.T) {
		listener, err := w.lab.Devbox.Listen("0.0.0.0:2022")
		w.must(err)
		defer listener.Close()
		w.fails(4, `^mosha: no answer from devbox port 2022 within 2 s \(banner\)`, "--ssh=ssh -p 2022", "devbox")
	})
}

// TestPasswordIsNotAnswered: the keys that were not to be tried are not to blame
// where nobody answers.
func TestPasswordIsNotAnswered(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "PasswordAuthentication yes")
	_, stderr, code := w.local("keep", "--ssh=ssh -o PubkeyAuthentication=no", "devbox")
	w.failed(stderr, code, 6, `what it asks was not answered \(the server takes publickey,password\)\n.*hint: mosha has to ask you something`)
}

// TestSettingIsToBlame: what fails by a line of ssh_config is not put down to the
// network, to a missing key, or to an agent that is well.
func TestSettingIsToBlame(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for setting, want := range map[string]struct {
		code int
		says string
	}{
		"PubkeyAuthentication no":                   {6, `no key was tried.*\n.*hint: PubkeyAuthentication no in ssh_config`},
		"PreferredAuthentications password":         {6, `no key was tried.*\n.*hint: PreferredAuthentications password in`},
		"AddressFamily inet\nBindAddress 192.0.2.1": {4, `cannot connect to devbox port 22 \([0-9.]+:22\).*\n.*hint: .*BindAddress`},
		"ProxyCommand sh -c 'exit 3'":               {4, `ended with status 3\n.*hint: try it by itself: sh -c 'exit 3';`},
		"ForwardAgent /no/agent":                    {0, `no SSH agent answers at /no/agent, which ForwardAgent in`},
		"IdentityAgent none":                        {0, `IdentityAgent in ssh_config names no agent,.*\(start that agent, or have IdentityAgent name`},
	} {
		w.must(w.me.WriteFile("config", setting+"\nHost devbox\n User "+w.dev.Name+"\n", 0o600))
		_, stderr, code := w.local("keep", "--ssh=ssh -F "+w.me.Path("config"), "devbox")
		if code == 0 {
			w.local("stop", "--ssh=ssh -F "+w.me.Path("config"), "devbox")
		}
		w.failed(stderr, code, want.code, want.says)
	}
}

func TestKeyNotAccepted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.must(w.dev.WriteFile(".ssh/authorized_keys", "", 0o600))
	w.fails(6, `^mosha: devbox did not let you in as .*: none of \d keys? was accepted`, "devbox")
}

func TestChangedHostKeyIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.must(w.sshd.NewHostKey())
	w.fails(5, `^mosha: the host key of devbox has CHANGED.*SHA256:.*\n^mosha: hint: known is .*known_hosts:\d+`, "devbox")
}

func TestUnknownHostKeyIsAsked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	known, err := w.me.ReadFile(".ssh/known_hosts")
	w.must(err)
	forget := func() { w.must(w.me.WriteFile(".ssh/known_hosts", "", 0o600)) }
	ask := func() *lab.Terminal {
		window := w.runSized(200, 24, "devbox")
		w.must(window.WaitFor(w.ctx(), `ED25519 key fingerprint is SHA256:`))
		w.must(window.WaitFor(w.ctx(), regexp.QuoteMeta(`(yes/no/[fingerprint])?`)))
		return window
	}
	t.Run("no", func(t *testing.T) {
		forget()
		window := ask()
		w.must(window.Send("no\r"))
		code, err := window.Wait(w.ctx())
		w.must(err)
		w.failed(window.Screen(), code, 5, `^mosha: the host key of devbox was not accepted`)
		if now, _ := w.me.ReadFile(".ssh/known_hosts"); now != "" {
			t.Errorf("known_hosts has %q", now)
		}
	})
	t.Run("interrupted", func(t *testing.T) {
		forget()
		window := ask()
		w.must(window.Send("\x03"))
		_, err := window.Wait(w.ctx())
		w.must(err)
		w.nothingLeft()
	})
	t.Run("yes", func(t *testing.T) {
		forget()
		window := ask()
		w.must(window.Send("perhaps\r"))
		w.must(window.WaitFor(w.ctx(), `Please type 'yes', 'no' or the fingerprint`))
		w.must(window.Send("yes\r"))
		w.must(window.WaitFor(w.ctx(), `\$ ?$`))
		w.exit(window)
		w.nothingLeft()
		now, err := w.me.ReadFile(".ssh/known_hosts")
		w.must(err)
		if fields := strings.Fields(now); len(fields) < 3 || !strings.Contains(known, fields[2]) {
			t.Errorf("known_hosts has %q, want the key of %q", now, known)
		}
	})
	t.Run("fingerprint", func(t *testing.T) {
		forget()
		window := ask()
		shown := regexp.MustCompile(`SHA256:\S+`).FindString(window.Screen())
		w.must(window.Send(strings.TrimSuffix(shown, ".") + "\r"))
		w.must(window.WaitFor(w.ctx(), `\$ ?$`))
		w.exit(window)
		w.nothingLeft()
	})
}

func TestNotInstalledHere(t *testing.T) {
	t.Parallel()
	for program, pattern := range map[string]string{
		"/usr/bin/mosh":        `^mosha: mosh is not installed here\n^mosha: hint: install the package mosh`,
		"/usr/bin/mosh-client": `^mosha: mosh-client is not installed here\n^mosha: hint: install the package mosh`,
		"/usr/bin/ssh":         `^mosha: ssh is not installed here\n^mosha: hint: install the package openssh-client`,
	} {
		t.Run(filepath.Base(program), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.must(w.lab.Laptop.Hide(program))
			w.fails(1, pattern, "devbox")
		})
	}
}

func TestServerNotInstalledThere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.must(w.lab.Devbox.Hide("/usr/bin/mosh-server"))
	w.fails(10, `^mosha: mosh-server is not installed on devbox\n^mosha: hint: install the package mosh there`, "devbox")
}

// TestNamedProgramIsMissing: whoever said where a program is needs no advice to
// say so.
func TestNamedProgramIsMissing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.fails(10, `^mosha: there is no program /nope on devbox\n^mosha: hint: is that its name, and its place\?$`, "--server=/nope", "devbox")
	w.fails(10, `^mosha: there is no program nope on devbox\n^mosha: hint: is that its name, and its place\?$`, "--server=nope", "devbox", "--", "true")
	w.fails(1, `^mosha: there is no program /nope here\n^mosha: hint: is that its name, and its place\?$`, "--client=/nope", "devbox")
}

// TestMistypedCommand: a host that is not there, and whose name is nearly a
// command.
func TestMistypedCommand(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.fails(4, `^mosha: cannot resolve host name stauts.*\n^mosha: hint: did you mean .mosha status.\?$`, "stauts", "devbox")
}

func TestTerminalWithoutSize(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	window := w.runSized(0, 0, "devbox")
	code, err := window.Wait(w.ctx())
	w.must(err)
	w.failed(strings.ReplaceAll(string(window.Transcript()), "\r", ""), code, 1, `^mosha: the terminal says that its size is 0x0`)
}

func TestRuntimeDirectoryIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	runtime := w.listing(w.me, `printf %s "$XDG_RUNTIME_DIR"`)
	ours := filepath.Join(runtime, "mosha")
	w.must(os.Mkdir(ours, 0o700)) // by root
	refused := func(pattern string) {
		t.Helper()
		_, stderr, code := w.local("--setup-only", "devbox")
		if code != 1 || !regexp.MustCompile(pattern).MatchString(stderr) {
			t.Errorf("exit %d, %s; want a line like %q", code, stderr, pattern)
		}
	}
	refused(`^mosha: ` + ours + ` belongs to user 0, not to you`)
	w.must(os.Chown(ours, w.me.UID, w.me.GID))
	w.must(os.Chmod(ours, 0o750))
	refused(`^mosha: others may enter or write ` + ours + ` \(mode 0750\)\nmosha: hint: chmod 700`)
	w.must(os.Remove(ours))
	w.must(os.Symlink("/tmp", ours))
	refused(`^mosha: ` + ours + ` is not a directory`)
	w.must(os.Remove(ours))

	long := w.me.Path(strings.Repeat("x", 90))
	w.must(w.me.Command(w.ctx(), "mkdir", "-m", "700", long).Run())
	w.me.Setenv("XDG_RUNTIME_DIR", long)
	refused(`^mosha: .* is too long a name for a Unix socket`)
}

// TestRuntimeDirectoryOpenToOthers: one that others may write to, as WSLg makes
// it, is neither used nor changed. A session goes on with another.
func TestRuntimeDirectoryOpenToOthers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	runtime := w.listing(w.me, `printf %s "$XDG_RUNTIME_DIR"`)
	w.must(os.Chmod(runtime, 0o777))
	t.Cleanup(func() { _ = os.Remove(fmt.Sprintf("/tmp/mosha-%d", w.me.UID)) })
	window := w.shell("devbox")
	w.do(window, "ssh-add -l", w.fingerprint())
	if left := w.listing(w.me, `ls -A "$XDG_RUNTIME_DIR" | grep -v "^agent"; stat -c %a "$XDG_RUNTIME_DIR" /tmp/mosha-$(id -u)`); left != "777\n700\n" {
		t.Errorf("the open directory has, and the modes are: %s", left)
	}
	if s := w.status(); s.State != control.Up {
		t.Errorf("status: %+v", s)
	}
	w.exit(window)
	w.nothingLeft()
}

// warns starts a session that lacks something: mosha tells where a person can read
// it, and the session begins all the same.
func (w *world) warns(pattern string) {
	w.t.Helper()
	w.exit(w.shellWithout(pattern, "devbox"))
	w.nothingLeft()
}

func TestNoAgentHere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.me.Unsetenv("SSH_AUTH_SOCK")
	w.warns(`no SSH agent runs here`)
}

func TestAgentIsGoneHere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.must(w.agent.Stop())
	w.warns(`no SSH agent answers at `)
}

func TestForwardingRefusedThere(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "AllowAgentForwarding no")
	w.warns(`the server forwards no agent.*AllowAgentForwarding`)
}
