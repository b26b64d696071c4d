//go:build linux

package main_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/mosha-ssh/mosha/internal/keeper/control"
	"github.com/mosha-ssh/mosha/internal/lab"
)

// TestDoctorSaysWhoForbidsForwarding: the server's configuration, as far as it
// can be read, or an option of the key.
func TestDoctorSaysWhoForbidsForwarding(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "AllowAgentForwarding no", "PermitUserRC no")
	config := func(content string, mode os.FileMode) {
		t.Helper()
		w.must(w.lab.Devbox.Replace("/etc/ssh/sshd_config", content, mode))
	}
	forbidden := func(cause string) report {
		t.Helper()
		r := w.examine("devbox")
		r.fails(7, map[string]string{"forwarding": cause})
		r.is("signature", "skip", "forwarding comes first")
		w.nothingLeft()
		return r
	}
	config("AllowAgentForwarding no\n", 0o600)
	forbidden(`^the server forwards no agent \(its /etc/ssh/sshd_config cannot be read\)$`)
	config("PermitUserRC yes\nMatch User nobody,*\n\tAllowAgentForwarding no\n", 0o644)
	forbidden(`^the server forwards no agent: AllowAgentForwarding no \(/etc/ssh/sshd_config:3, below "Match User nobody,\*"\)$`)
	config("#AllowAgentForwarding no\n", 0o644)
	forbidden(`^the server forwards no agent$`)
	w.must(w.dev.WriteFile(".ssh/authorized_keys", "restrict,pty "+w.key.Pub+"\n", 0o600))
	forbidden(`^your key has the option restrict in ~/\.ssh/authorized_keys there$`)
}

// TestDoctorSeesThatRCDoesNotRun: a session does not need it.
func TestDoctorSeesThatRCDoesNotRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if _, stderr, code := w.local("--setup-only", "devbox"); code != 0 {
		t.Fatal(stderr)
	}
	w.must(w.lab.Devbox.Replace("/etc/ssh/sshd_config", "PermitUserRC yes\n", 0o644))
	w.must(w.dev.WriteFile(".ssh/authorized_keys", "no-user-rc "+w.key.Pub+"\n", 0o600))
	r := w.examine("devbox")
	r.well()
	r.is("user-rc", "warn", `^the server does not run it: no-user-rc \(~/\.ssh/authorized_keys\)$`)
	w.nothingLeft()
	window := w.shell("devbox")
	r = w.examine("devbox")
	r.well()
	r.is("user-rc", "warn", `no-user-rc`) // not seen, but written
	w.exit(window)
	w.nothingLeft()
}

// TestDoctorMeetsAForcedCommand, which has no shell take the probe.
func TestDoctorMeetsAForcedCommand(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.must(w.dev.WriteFile(".ssh/authorized_keys", `command="echo sorry >&2; exit 1" `+w.key.Pub+"\n", 0o600))
	r := w.examine("devbox")
	r.fails(7, map[string]string{"shell": `: it says "sorry"$`})
	w.must(w.dev.WriteFile(".ssh/authorized_keys", `command="echo this is; echo a menu" `+w.key.Pub+"\n", 0o600))
	r = w.examine("devbox")
	r.fails(7, map[string]string{"shell": `^the server does not run what it is told to: it says "this is"$`})
	if !strings.Contains(r.rows["shell"].Cure, "command=") {
		t.Errorf("the cure is %q", r.rows["shell"].Cure)
	}
	for _, name := range []string{"udp", "mosh-server", "forwarding", "signature", "login-shell"} {
		r.is(name, "skip", "")
	}
	w.nothingLeft()
}

// TestDoctorEndures start-up files that print, read, wait and start things.
func TestDoctorEndures(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	startup := func(content string) {
		t.Helper()
		w.must(w.dev.WriteFile(".bashrc", content, 0o644))
		w.must(w.dev.WriteFile(".bash_profile", ". ~/.bashrc\n", 0o644))
	}
	t.Run("noise", func(t *testing.T) {
		startup("printf 'Hello \\033[31mdear'; echo; read -r x; echo mosha-probe 1 ; echo more >&2")
		r := w.examine("devbox")
		r.well2(t, "shell")
		r.is("shell", "warn", `^start-up files print to programs: "Hello \?\[31mdear"$`)
		w.nothingLeft()
	})
	t.Run("noise without an end of line", func(t *testing.T) {
		startup("case $- in *i*) ;; *) printf 'a prompt: ' ;; esac")
		r := w.examine("devbox")
		r.well2(t, "shell")
		r.is("shell", "warn", `^start-up files print to programs: "a prompt:"$`)
		window := w.shell("devbox") // a launch finds its server too
		w.exit(window)
		w.nothingLeft()
	})
	t.Run("endless noise", func(t *testing.T) {
		startup("case $- in *i*) ;; *) yes ;; esac")
		w.examine("devbox").is("shell", "fail", `it says "y"`)
		if err := lab.Eventually(w.ctx(), "no yes(1)", func() (bool, error) { return len(w.dev.Processes()) == 0, nil }); err != nil {
			t.Fatal(err, w.dev.Processes(), w.me.Processes())
		}
	})
	t.Run("a shell that waits", func(t *testing.T) {
		startup("case $- in *i*) while :; do sleep 1; done ;; esac")
		r := w.examine("devbox")
		r.well2(t)
		r.is("login-shell", "warn", `^the start-up files of bash do not end$`)
		w.nothingLeft()
	})
	t.Run("a shell that becomes another", func(t *testing.T) {
		startup("case $- in *i*) exec true ;; esac")
		r := w.examine("devbox")
		r.well2(t)
		r.is("login-shell", "warn", `^not seen: the start-up files of bash end it`)
		w.nothingLeft()
	})
	t.Run("a dead agent", func(t *testing.T) {
		startup("SSH_AUTH_SOCK=/tmp/gone; export SSH_AUTH_SOCK")
		r := w.examine("devbox")
		r.is("login-shell", "fail", `^the start-up files of bash set SSH_AUTH_SOCK to /tmp/gone, where no agent is$`)
		if r.code != 7 {
			t.Errorf("exit code %d", r.code)
		}
	})
	t.Run("an agent of its own", func(t *testing.T) {
		startup(`case $- in *i*) eval "$(ssh-agent)" >/dev/null ;; esac`)
		r := w.examine("devbox")
		r.well2(t)
		r.is("login-shell", "warn", `^bash uses an agent of its own there: /`)
		w.nothingLeft()
	})
}

// well2 is well but for checks that are looked at otherwise.
func (r report) well2(t *testing.T, but ...string) {
	t.Helper()
	r.t = t
	r.fails(0, nil)
	for _, name := range needed {
		if len(but) == 0 || but[0] != name {
			r.is(name, "ok", "")
		}
	}
}

// TestDoctorAsksEveryShell that the person has start-up files for.
func TestDoctorAsksEveryShell(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.must(w.dev.WriteFile(".zshenv", "export SSH_AUTH_SOCK=$HOME/.ssh/ssh_auth_sock\n", 0o644))
	w.must(w.dev.WriteFile(".config/fish/config.fish", "set -gx SSH_AUTH_SOCK /tmp/gone\n", 0o644))
	w.must(w.dev.WriteFile(".tcshrc", "setenv SSH_AUTH_SOCK $HOME/.ssh/ssh_auth_sock\n", 0o644))
	w.must(w.dev.WriteFile(".mkshrc", "\n", 0o644))
	r := w.examine("devbox")
	r.well()
	r.is("login-shell", "warn", "bash has no")
	r.is("shell-zsh", "ok", "")
	r.is("shell-fish", "warn", "the start-up files of fish set SSH_AUTH_SOCK to /tmp/gone")
	r.is("shell-tcsh", "ok", "")
	r.is("shell-mksh", "warn", "mksh has no SSH_AUTH_SOCK")
	w.nothingLeft()
}

// TestDoctorOnAReadOnlyHome works, and says that it cannot be set up.
func TestDoctorOnAReadOnlyHome(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.must(w.dev.ReadOnlyHome())
	r := w.examine("devbox")
	r.well2(t, "link")
	r.is("link", "warn", `^~/\.ssh there cannot be written to, and there is no \$XDG_RUNTIME_DIR`)
	r.is("setup", "warn", `^not set up, and the home cannot be written to: ~/\.ssh/rc, ~/\.bashrc, ~/\.profile$`)
	w.nothingLeft()
}

// TestDoctorWithoutDD: mosh-server starts where set-up lacks a program.
func TestDoctorWithoutDD(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.must(w.lab.Devbox.Hide("/usr/bin/dd"))
	r := w.examine("devbox")
	r.is("mosh-server", "ok", "")
	r.is("setup", "warn", `\bdd$`)
	if cure := r.rows["setup"].Cure; !strings.HasPrefix(cure, "install that there") {
		t.Errorf("the cure is %q", cure)
	}
	w.nothingLeft()
}

// TestDoctorNeedsALocale here and there.
func TestDoctorNeedsALocale(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.me.Setenv("LC_ALL", "xx_XX.UTF-8")
	// Of a locale that is not installed, mosh-client says the same.
	client := w.me.Command(w.ctx(), "mosh-client", "127.0.0.1", "60001")
	client.Env = append(client.Env, "MOSH_KEY=0123456789abcdefABCDEA")
	if out, _ := client.CombinedOutput(); !strings.Contains(string(out), "needs a UTF-8 native locale") {
		t.Fatalf("mosh-client says %s", out)
	}
	for _, c := range []struct{ name, value string }{
		{"LC_ALL", "xx_XX.UTF-8"}, {"LC_CTYPE", "UTF-8"}, {"LANG", "POSIX"},
	} {
		t.Log(c)
		w.me.Setenv(c.name, c.value)
		r := w.examine("devbox")
		r.fails(1, map[string]string{
			"locale":        `^the character set here is ANSI_X3\.4-1968, not UTF-8 \(` + regexp.QuoteMeta(c.name+"="+c.value) + `\)$`,
			"server-locale": `^mosh-server finds no UTF-8 locale: its own is ANSI_X3\.4-1968`,
		})
		r.is("udp", "skip", "")
		w.nothingLeft()
		cure := regexp.MustCompile(`export (\S+)=(\S+)`)
		for _, check := range []string{"locale", "server-locale"} {
			words := cure.FindStringSubmatch(r.rows[check].Cure)
			if words == nil || words[1] != c.name {
				t.Fatalf("the cure for %s is %q", check, r.rows[check].Cure)
			}
			w.me.Setenv(words[1], words[2])
			w.examine("devbox").well()
			w.nothingLeft()
		}
		w.me.Unsetenv(c.name)
		w.me.Setenv("LANG", "C.UTF-8") // which the others win over
	}
}

// TestDoctorLeavesTheLink as it was, whatever a start-up file makes of it.
func TestDoctorLeavesTheLink(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	// What people without mosha have in ~/.ssh/rc.
	w.must(w.dev.WriteFile(".ssh/rc", `[ -z "$SSH_AUTH_SOCK" ] || ln -sf "$SSH_AUTH_SOCK" ~/.ssh/ssh_auth_sock`+"\n", 0o644))
	live := filepath.Join(w.dev.RuntimeDir, "live")
	agent := w.dev.Command(t.Context(), "ssh-agent", "-D", "-a", live)
	w.must(agent.Start())
	w.must(lab.Eventually(w.ctx(), "an agent there", func() (bool, error) {
		_, err := os.Stat(live)
		return err == nil, nil
	}))
	for _, c := range []struct{ text, state, cause, owner string }{
		{live, "ok", "", "other"},
		{"/." + live, "ok", "", "other"},
		{"/tmp/gone", "warn", `^leads nowhere: /tmp/gone$`, ""},
		{"", "ok", "", "none"},
	} {
		w.remote("rm -f .ssh/ssh_auth_sock")
		if c.text != "" {
			w.remote("ln -s " + c.text + " .ssh/ssh_auth_sock")
		}
		r := w.examine("devbox")
		r.fails(0, nil)
		r.is("link", c.state, c.cause)
		r.is("signature", "ok", "")
		if owner := r.rows["link"].Facts["owner"]; owner != c.owner {
			t.Errorf("%q: the owner is %q, want %q", c.text, owner, c.owner)
		}
		if text := w.remote("readlink .ssh/ssh_auth_sock || :"); text != c.text {
			t.Errorf("the link was %q and is %q", c.text, text)
		}
	}
	w.must(w.dev.WriteFile(".ssh/ssh_auth_sock", "a file", 0o600))
	w.must(w.dev.WriteFile(".ssh/rc", "", 0o644))
	w.examine("devbox").fails(7, map[string]string{"link": `^~/\.ssh/ssh_auth_sock is there and is no link$`})
}

// TestDoctorOnTheAgent that is absent, empty, or does not sign.
func TestDoctorOnTheAgent(t *testing.T) {
	t.Parallel()
	w := newWorld(t) // its key is in ~/.ssh, for the login
	w.me.Unsetenv("SSH_AUTH_SOCK")
	w.examine("devbox").is("agent", "fail", `^no SSH agent runs here$`)
	w.me.Setenv("SSH_AUTH_SOCK", w.me.Path("nobody"))
	r := w.examine("devbox")
	r.is("agent", "fail", `^no SSH agent answers at .*/nobody$`)
	if r.code != 1 {
		t.Errorf("exit code %d", r.code)
	}
	w.examine("--ssh=ssh -o IdentityAgent=none", "devbox").is("agent", "fail", `^IdentityAgent in ssh_config names no agent$`)
	w.examine("--ssh=ssh -o IdentityAgent=/gone", "devbox").is("agent", "fail", `^no SSH agent answers at /gone, which IdentityAgent in ssh_config names$`)
	r = w.examine("--ssh=ssh -o IdentityAgent=/gone -o ForwardAgent="+w.agent.Sock, "devbox")
	r.well()
	if named := r.rows["agent"].Facts["named_by"]; named != "ForwardAgent" {
		t.Errorf("the agent is named by %q", named)
	}
	w.nothingLeft()
	empty, err := w.me.Agent()
	w.must(err)
	w.me.Setenv("SSH_AUTH_SOCK", empty.Sock)
	r = w.examine("devbox")
	r.fails(0, nil)
	r.is("agent", "warn", `^the agent has no key$`)
	r.is("signature", "skip", "agent comes first")
	w.nothingLeft()

	// With nobody to confirm, the agent refuses.
	asking, err := w.me.NewKey("asking", "ed25519")
	w.must(err)
	w.must(empty.Add(asking, "-c"))
	r = w.examine("devbox")
	r.fails(7, map[string]string{"signature": `^no signature with SHA256:\S+: .*refused`})
	w.nothingLeft()
}

// TestDoctorSaysWhatItWaitsFor: an agent that asks before it signs asks now.
func TestDoctorSaysWhatItWaitsFor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	confirmed := filepath.Join(w.me.RuntimeDir, "confirmed")
	w.must(w.me.WriteFile("askpass", "#!/bin/sh\nuntil [ -e "+confirmed+" ]; do sleep .1; done\n", 0o755))
	w.me.Setenv("SSH_ASKPASS", w.me.Path("askpass"))
	w.me.Setenv("SSH_ASKPASS_REQUIRE", "force")
	agent, err := w.me.Agent()
	w.must(err)
	w.me.Setenv("SSH_AUTH_SOCK", agent.Sock)
	asking, err := w.me.NewKey("asking", "ed25519")
	w.must(err)
	w.must(agent.Add(asking, "-c"))
	window := w.runSized(160, 50, "doctor", "devbox")
	w.must(window.WaitFor(w.ctx(), `^mosha: waiting for the agent to sign with `+regexp.QuoteMeta(w.shown(asking))+`: it may want you to confirm that$`))
	w.must(w.me.WriteFile(confirmed, "", 0o600))
	code, err := window.Wait(w.ctx())
	w.must(err)
	if screen := window.Screen(); code != 0 || !strings.Contains(screen, "  ok    signature ") {
		t.Errorf("exit %d:\n%s", code, screen)
	}
	w.nothingLeft()
}

// TestDoctorWithFewSessions: the parts follow one another where the server
// allows one session at a time, and the doctor tells what has no room.
func TestDoctorWithFewSessions(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "MaxSessions 1")
	r := w.examine("devbox")
	r.well()
	r.is("setup", "warn", "^not set up: ~/.ssh/rc, ")
	w.nothingLeft()
	window := w.shell("devbox")
	w.becomes("the link holder back, which made room for the set-up", func(s control.Status) bool { return s.Link == "own" })
	w.examine("devbox").is("shell", "fail", `allows no more sessions`)
	w.agentIsNow(window, w.key)
	w.exit(window)
	w.nothingLeft()
}

// TestDoctorOverOpenSSH: the transport makes no difference.
func TestDoctorOverOpenSSH(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.examine("--transport=openssh", "devbox").well()
	w.nothingLeft()
}

// TestDoctorIsInterrupted in the middle: nothing is left all the same, not
// even after a kill that it cannot see coming.
func TestDoctorIsInterrupted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	// The answer is lost on the way: the doctor waits for it.
	out, err := w.lab.Devbox.Command(w.ctx(), "ip", "rule", "add", "ipproto", "udp", "blackhole").CombinedOutput()
	if err != nil {
		t.Fatalf("ip rule: %v: %s", err, out)
	}
	for _, signal := range []unix.Signal{unix.SIGINT, unix.SIGKILL} {
		cmd := w.me.Command(t.Context(), w.mosha, "doctor", "devbox")
		w.must(cmd.Start())
		w.must(lab.Eventually(w.ctx(), "a mosh-server", func() (bool, error) {
			return len(named(w.dev.Processes(), "mosh-server")) > 0, nil
		}))
		w.must(unix.Kill(cmd.Process.Pid, signal))
		_ = cmd.Wait()
		w.nothingLeft()
	}
}

// TestDoctorLosesTheConnection in the middle, and says so.
func TestDoctorLosesTheConnection(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.must(w.dev.WriteFile(".bash_profile", "until [ -e ~/lost ]; do sleep .1; done\n", 0o644)) // its login shell waits
	window := w.runSized(120, 50, "doctor", "devbox")
	w.must(lab.Eventually(w.ctx(), "a login shell", func() (bool, error) {
		return len(named(w.dev.Processes(), "sleep")) > 0, nil
	}))
	w.must(w.sshd.KillSessions())
	w.must(w.dev.WriteFile("lost", "", 0o644))
	code, err := window.Wait(w.ctx())
	w.must(err)
	if screen := window.Screen(); code != 4 || !strings.Contains(screen, "  FAIL  shell          the connection was lost meanwhile") {
		t.Errorf("exit %d:\n%s", code, screen)
	}
	w.nothingLeft()
}

// TestDoctorKeepsTheKey of the mosh-server that it starts from every log and
// command line.
func TestDoctorKeepsTheKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.must(w.lab.Devbox.Replace("/usr/local/bin/tee-server", fmt.Sprintf("#!/bin/sh\nmosh-server \"$@\" 2>&1 | tee %s/said\n", w.dev.RuntimeDir), 0o755))
	w.examine("--server=tee-server", "devbox").well()
	said, err := os.ReadFile(filepath.Join(w.dev.RuntimeDir, "said"))
	w.must(err)
	key := regexp.MustCompile(`MOSH CONNECT \d+ (\S{22})`).FindSubmatch(said)
	if key == nil {
		t.Fatalf("the server said %s", said)
	}
	w.nothingLeft()
	if out, err := w.me.Command(w.ctx(), "grep", "-rF", "--", string(key[1]), ".").CombinedOutput(); err == nil {
		t.Errorf("the session key was written:\n%s", out)
	}
}

// TestDoctorForAPerson: sections, marks in colour, the same text without.
func TestDoctorForAPerson(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	show := func() (screen, transcript string, code int) {
		window := w.runSized(120, 50, "doctor", "devbox")
		code, err := window.Wait(w.ctx())
		w.must(err)
		return window.Screen(), string(window.Transcript()), code
	}
	screen, transcript, code := show()
	if code != 0 || !strings.Contains(transcript, "\x1b[32mok") || !strings.Contains(transcript, "\x1b[33mwarn") {
		t.Errorf("exit %d:\n%q", code, transcript)
	}
	w.me.Setenv("NO_COLOR", "1")
	plain, transcript, _ := show()
	if strings.Contains(transcript, "\x1b[") {
		t.Errorf("with NO_COLOR:\n%q", transcript)
	}
	out, _, _ := w.local("doctor", "devbox")
	times := regexp.MustCompile(` in \S+ ms| port \d+|\s+$`)
	for _, other := range []string{plain, out} {
		if times.ReplaceAllString(other, "") != times.ReplaceAllString(screen, "") {
			t.Errorf("the text is\n%s\nand on a terminal\n%s", other, screen)
		}
	}
	for _, line := range []string{
		`^here$`, `^between$`, `^there$`, `^  ok    mosh           1\.\d`, `^  ok    udp            mosh's handshake on port \d+ in `,
		`^  warn  setup          not set up: .*\n {23}-> run mosha --setup-only devbox`, `^all that a session needs is there$`,
	} {
		if !regexp.MustCompile(`(?m)` + line).MatchString(screen) {
			t.Errorf("no line like %q in\n%s", line, screen)
		}
	}
}

// TestDoctorAsksThroughTheLink: one that leads to an agent that never answers,
// as an ssh -A that went in a circle leaves it, is of no use although somebody
// listens.
func TestDoctorAsksThroughTheLink(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	live := filepath.Join(w.dev.RuntimeDir, "live")
	agent := w.dev.Command(t.Context(), "ssh-agent", "-D", "-a", live)
	w.must(agent.Start())
	w.must(lab.Eventually(w.ctx(), "an agent there", func() (bool, error) {
		_, err := os.Stat(live)
		return err == nil, nil
	}))
	w.remote("mkdir -p .ssh; ln -s " + live + " .ssh/ssh_auth_sock")
	r := w.examine("devbox")
	r.well()
	if owner := r.rows["link"].Facts["owner"]; owner != "other" {
		t.Errorf("the owner is %q", owner)
	}
	w.must(agent.Process.Signal(unix.SIGSTOP))
	r = w.examine("devbox")
	r.fails(7, map[string]string{"link": `^leads to ` + live + `, where no agent answers$`})
	r.is("signature", "ok", "")
	w.must(agent.Process.Signal(unix.SIGCONT))
	w.must(lab.Eventually(w.ctx(), "nothing but the agent there", func() (bool, error) {
		return len(w.dev.Processes()) == 1, nil
	}))
	w.examine("devbox").well()

	t.Log("one that another user has made anew")
	hers, err := w.lab.Devbox.AddUser("bash")
	w.must(err)
	dir, err := os.MkdirTemp("/tmp", "ssh-")
	w.must(err)
	defer os.RemoveAll(dir)
	w.must(os.Chown(dir, hers.UID, hers.GID))
	w.must(os.Chmod(dir, 0o755))
	theirs := filepath.Join(dir, "agent.1")
	w.must(hers.Command(t.Context(), "ssh-agent", "-a", theirs).Run())
	w.must(os.Chmod(theirs, 0o777))
	w.remote("ln -sfn " + theirs + " .ssh/ssh_auth_sock")
	w.examine("devbox").is("link", "warn", `^leads nowhere: `+theirs+`$`)
}

// TestDoctorOnALostConnection does not call that well.
func TestDoctorOnALostConnection(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	window := w.shell("devbox")
	w.lab.Cable.Cut()
	w.becomes("lost", func(s control.Status) bool { return s.State == control.Lost })
	doctor := w.runSized(150, 50, "doctor", "devbox")
	w.must(doctor.WaitFor(w.ctx(), `  warn  .*the connection is lost, and another is being tried for`))
	w.lab.Cable.Heal()
	code, err := doctor.Wait(w.ctx())
	w.must(err)
	if screen := doctor.Screen(); code != 0 || !strings.Contains(screen, "all that a session needs is there") {
		t.Errorf("exit %d:\n%s", code, screen)
	}
	w.quiet(1)
	w.exit(window)
	w.nothingLeft()
}
