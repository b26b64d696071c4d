//go:build linux

package main_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// homeFiles is all that is in the remote home and that a login does not leave.
func (w *world) homeFiles() string {
	w.t.Helper()
	return w.remote(`find . -name .bash_history -o -path ./.ssh/agent -prune -o -printf '%p %M %l ' -type f -exec cksum {} \; -o -printf '\n' | sort`)
}

func TestUnsetup(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.must(w.dev.WriteFile(".bashrc", "alias ll='ls -l'", 0o640)) // no last newline
	before := w.homeFiles()
	window := w.shell("devbox")
	w.exit(window)
	w.nothingLeft()
	if w.homeFiles() == before {
		t.Fatal("a launch did not set up")
	}
	out, stderr, code := w.local("unsetup", "devbox")
	if want := "~/.ssh/rc: removed\n~/.bashrc: restored\n~/.profile: removed\n"; code != 0 || out != want {
		t.Errorf("exit %d, printed\n%swant\n%s%s", code, out, want, stderr)
	}
	w.nothingLeft()
	if after := w.homeFiles(); after != before {
		t.Errorf("home was\n%s\nand is\n%s", before, after)
	}
	if out, _, code := w.local("unsetup", "devbox"); code != 0 || out != "nothing to take back\n" {
		t.Errorf("a second one: exit %d, %s", code, out)
	}
	w.nothingLeft()
}

// TestUnsetupWhileInUse changes nothing as long as the keeper is needed.
func TestUnsetupWhileInUse(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	window := w.shell("devbox")
	refused := func(words string) {
		t.Helper()
		_, stderr, code := w.local("unsetup", "devbox")
		if code != 7 || !strings.Contains(stderr, words) || !strings.Contains(stderr, "mosha stop devbox") {
			t.Errorf("exit %d, %s", code, stderr)
		}
	}
	refused("a session uses it")
	out, stderr, code := w.local("unsetup", "--dry-run", "devbox")
	if code != 0 || !strings.Contains(out, "~/.ssh/ssh_auth_sock: would be removed\n~/.ssh/rc: would be removed\n--- .ssh/rc\n") {
		t.Errorf("exit %d, %s%s", code, out, stderr)
	}
	w.do(window, "clear; ssh-add -l", w.fingerprint())
	if _, stderr, code := w.local("keep", "devbox"); code != 0 {
		t.Fatal(stderr)
	}
	w.exit(window)
	refused("mosha keep keeps the connection")
	if _, stderr, code := w.local("stop", "devbox"); code != 0 {
		t.Fatal(stderr)
	}
	if _, stderr, code := w.local("unsetup", "devbox"); code != 0 {
		t.Errorf("exit %d, %s", code, stderr)
	}
	w.nothingLeft()
}

// TestUnsetupOfAPrivateLink leaves one that a person made to an agent of the
// remote, says so, and is no failure.
func TestUnsetupOfAPrivateLink(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	private, err := w.dev.Agent()
	w.must(err)
	link := w.dev.Path(".ssh/ssh_auth_sock")
	w.must(os.Symlink(private.Sock, link))
	for _, args := range [][]string{{"unsetup", "--dry-run", "devbox"}, {"unsetup", "devbox"}} {
		out, stderr, code := w.local(args...)
		if code != 0 || !strings.Contains(out, "~/.ssh/ssh_auth_sock: left alone (it leads to a live agent that is not sshd's: "+private.Sock+")\n") {
			t.Errorf("%q: exit %d, %s%s", args, code, out, stderr)
		}
		if text, err := os.Readlink(link); text != private.Sock {
			t.Errorf("the link leads to %q, %v", text, err)
		}
	}
}

// TestUnsetupOfAnEditedBlock leaves that one file and says so.
func TestUnsetupOfAnEditedBlock(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.local("--setup-only", "devbox")
	w.remote("sed -i s/export/EXPORT/ .bashrc")
	out, stderr, code := w.local("unsetup", "devbox")
	if code != 7 || !strings.Contains(out, "~/.bashrc: left alone (the block was edited)\n~/.profile: removed\n") ||
		!strings.Contains(stderr, "still on the remote: ~/.bashrc: the block was edited\nmosha: hint: remove mosha's lines from it by hand") {
		t.Errorf("exit %d, %s%s", code, out, stderr)
	}
	w.nothingLeft()
}

func TestDryRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.must(w.dev.WriteFile(".bashrc", "alias a=b\n", 0o644))
	w.must(w.dev.WriteFile(".bash_profile", "\x1b[2Jecho\r\n", 0o444))
	before := w.homeFiles()
	out, stderr, code := w.local("--dry-run", "devbox")
	if code != 7 || !strings.Contains(stderr, "~/.bash_profile: no permission to write it") {
		t.Errorf("exit %d, %s", code, stderr)
	}
	for _, want := range []string{
		"~/.ssh/rc: would be created\n--- /dev/null\n+++ .ssh/rc\n", "~/.bashrc: would be changed\n--- .bashrc\n+++ .bashrc\n@@ -1,1 +1,",
		"\n+export SSH_AUTH_SOCK\n", "\n alias a=b\n", "~/.bash_profile: left alone (no permission to write it)\n",
	} {
		if !strings.Contains(strings.ReplaceAll(out, "+  ", "+"), want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	w.must(w.dev.Command(w.ctx(), "chmod", "644", ".bash_profile").Run())
	window := w.runSized(100, 80, "--dry-run", "devbox")
	w.must(window.WaitFor(w.ctx(), `\\x1b\[2Jecho\\r`))
	if code, err := window.Wait(w.ctx()); err != nil || code != 0 {
		t.Errorf("on a terminal: exit %d, %v", code, err)
	}
	w.must(w.dev.Command(w.ctx(), "chmod", "444", ".bash_profile").Run())
	if after := w.homeFiles(); after != before {
		t.Errorf("home was\n%s\nand is\n%s", before, after)
	}
	w.nothingLeft()
}

// TestSetupOfManyHosts has one that cannot be reached and one that is named
// twice.
func TestSetupOfManyHosts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	all := []string{"devbox", "nowhere.invalid", "devbox4", "devbox", "devbox6"}
	out, stderr, code := w.local(append([]string{"--setup-only"}, all...)...)
	if code != 4 {
		t.Errorf("exit %d", code)
	}
	for _, host := range []string{"devbox", "devbox4", "devbox6"} {
		for _, file := range []string{"~/.ssh/rc", "~/.bashrc", "~/.profile"} {
			if !regexp.MustCompile(`(?m)^` + host + `: ` + file + `: (created|already in place)$`).MatchString(out) {
				t.Errorf("no word about %s on %s", file, host)
			}
		}
	}
	lines := strings.Split(strings.TrimSpace(stderr), "\n")
	if !slices.ContainsFunc(lines, func(l string) bool { return strings.HasPrefix(l, "mosha: nowhere.invalid: ") }) ||
		lines[len(lines)-1] != "mosha: 4 hosts: 3 set up, 1 failed (nowhere.invalid)" || strings.Contains(stderr, "\x1b") {
		t.Errorf("said\n%s", stderr)
	}
	if t.Failed() {
		t.Logf("printed\n%s", out)
	}
	w.nothingLeft()
	out, stderr, code = w.local("unsetup", "devbox", w.dev.Name+"@devbox", "devbox4")
	if code != 0 || !strings.Contains(stderr, "mosha: 3 hosts: 3 as before") || !strings.Contains(out, ": the same as ") {
		t.Errorf("unsetup: exit %d, %s%s", code, out, stderr)
	}
	w.nothingLeft()
	if _, stderr, code := w.local("--setup-only", "devbox", "--verbose"); code != 2 {
		t.Errorf("a flag behind a host: exit %d, %s", code, stderr)
	}
}

// TestSetupOfManyHostsOnATerminal shows who is worked on, makes room for a
// question, and gives the terminal back.
func TestSetupOfManyHostsOnATerminal(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.must(w.me.WriteFile(".ssh/known_hosts", "", 0o600))
	window := w.runSized(100, 40, "--setup-only", "devbox4", "devbox6")
	for _, question := range []string{`Are you sure`, `(?s)Are you sure.*Are you sure`} {
		w.must(window.WaitFor(w.ctx(), question))
		w.must(window.Send("yes\r"))
	}
	code, err := window.Wait(w.ctx())
	w.must(err)
	screen, all := window.Screen(), string(window.Transcript())
	if code != 0 || strings.Count(screen, "~/.bashrc: ") != 2 || !strings.Contains(screen, "mosha: 2 hosts: 2 set up") {
		t.Errorf("exit %d:\n%s", code, screen)
	}
	if strings.Contains(screen, "of 2 done") || !strings.Contains(all, "devbox4: connecting") || !strings.Contains(all, "1 of 2 done") {
		t.Errorf("the display was not there, or still is:\n%q", all)
	}
	if hidden, shown := strings.LastIndex(all, "\x1b[?25l"), strings.LastIndex(all, "\x1b[?25h"); hidden > shown {
		t.Error("the cursor stays hidden")
	}
	w.nothingLeft()
}

// TestQuestionOfOneOfManyHosts says for which, holds the others up as little as
// it can, and Ctrl-C at it leaves none untold.
func TestQuestionOfOneOfManyHosts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	lines, err := w.sshd.HostKeyLines("devbox4")
	w.must(err)
	w.must(w.me.WriteFile(".ssh/known_hosts", strings.Join(lines, "\n")+"\n", 0o600))
	w.must(w.me.AppendFile(".ssh/config", "Host devbox4\n  ProxyCommand sh -c 'until [ -e go ]; do sleep .1; done; exec nc %h %p'\n"))
	const prompt = `Are you sure you want to continue connecting \(yes/no/\[fingerprint\]\)\? ?$`
	for _, c := range []struct{ flag, says, done string }{
		{"--dry-run", "devbox4: ~/.profile: would be created", "looked at"},
		{"--setup-only", "devbox4: ~/.profile: created", "set up"},
	} {
		_ = os.Remove(w.me.Path("go"))
		window := w.runSized(120, 300, c.flag, "devbox6", "devbox4")
		w.must(window.WaitFor(w.ctx(), `(?s)devbox6: The authenticity of host 'devbox6.*'.*`+prompt))
		w.must(w.me.WriteFile("go", "", 0o600)) // now devbox4 can be reached
		w.must(window.WaitFor(w.ctx(), `(?s)devbox6: The authenticity.*\n`+regexp.QuoteMeta(c.says)+`.*\n`+prompt))
		w.must(window.Send("\x03"))
		code, err := window.Wait(w.ctx())
		w.must(err)
		screen := window.Screen()
		if code != -1 || !strings.HasSuffix(strings.TrimSpace(screen), "mosha: 2 hosts: 1 "+c.done+", 1 interrupted (devbox6)") {
			t.Errorf("exit %d:\n%s", code, screen)
		}
		if all := string(window.Transcript()); strings.LastIndex(all, "\x1b[?25l") > strings.LastIndex(all, "\x1b[?25h") {
			t.Error("the cursor stays hidden")
		}
		w.nothingLeft()
	}
	window := w.runSized(120, 40, "keep", "devbox4", "devbox6", "devbox")
	w.must(window.WaitFor(w.ctx(), `(?s)devbox4: connected.*devbox6: The authenticity of host`))
	w.must(window.Send("\x03"))
	code, err := window.Wait(w.ctx())
	w.must(err)
	if screen := window.Screen(); code != -1 || !strings.HasSuffix(strings.TrimSpace(screen), "mosha: 3 hosts: 1 kept, 2 interrupted (devbox6, devbox)") {
		t.Errorf("keep: exit %d:\n%s", code, screen)
	}
	w.runs("stop", "--all")
	w.nothingLeft()
}

// TestManyHostsInterrupted off a terminal: mosha tells all the same what it did.
func TestManyHostsInterrupted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.must(w.me.AppendFile(".ssh/config", "Host slow*\n  ProxyCommand sleep 1000\n"))
	w.local("--setup-only", "devbox")
	for _, args := range [][]string{{"--setup-only"}, {"unsetup", "--dry-run"}} {
		args = append(args, "slow1", "devbox", "slow2")
		for i := range 9 { // more than are worked on at once
			args = append(args, fmt.Sprintf("slow%d", i+3))
		}
		ctx, stop := context.WithCancel(w.ctx())
		cmd := w.me.Command(ctx, w.mosha, w.withTransport(args)...)
		var said strings.Builder
		cmd.Stderr = &said
		out, err := cmd.StdoutPipe()
		w.must(err)
		w.must(cmd.Start())
		_, err = bufio.NewReader(out).ReadString('\n') // of the devbox
		w.must(err)
		go func() { _, _ = io.Copy(io.Discard, out) }()
		w.must(cmd.Process.Signal(os.Interrupt))
		_ = cmd.Wait()
		stop()
		if !regexp.MustCompile(`(?s)^mosha: 12 hosts: 1 [a-z ]+, 11 interrupted \(slow1, slow2, .*slow11\)\n$`).MatchString(said.String()) {
			t.Errorf("%s said\n%s", args[0], said.String())
		}
		if status := cmd.ProcessState.Sys().(syscall.WaitStatus); status.Signal() != syscall.SIGINT {
			t.Errorf("%s ended with %v", args[0], cmd.ProcessState)
		}
		w.nothingLeft()
	}
}

// TestEveryLoginShell: the agent is there in a session, in a command in place
// of a shell, and in an ssh beside the session that forwards none, as far as
// that shell reads a file for one.
func TestEveryLoginShell(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for shell, reads := range map[string]bool{"zsh": true, "fish": true, "tcsh": true, "csh": true, "mksh": false, "dash": false} {
		t.Run(shell, func(t *testing.T) {
			account, err := w.lab.Devbox.AddUser(shell)
			w.must(err)
			w.must(account.Authorize(w.key.Pub))
			host := account.Name + "@devbox"
			window := w.run(host, "--", "sh", "-c", "ssh-add -l; read x")
			w.must(window.WaitFor(w.ctx(), w.fingerprint()))
			if reads {
				out, err := w.me.Command(w.ctx(), "ssh", "-a", host, "ssh-add -l").CombinedOutput()
				if err != nil || !strings.Contains(string(out), w.shown(w.key)) {
					t.Errorf("an ssh beside it: %v, %s", err, out)
				}
			}
			w.must(window.Send("\r"))
			_, err = window.Wait(w.ctx())
			w.must(err)

			window = w.run(host)
			w.do(window, "sh -c 'echo =$SSH_AUTH_SOCK=; ssh-add -l'", "="+account.Path(".ssh/ssh_auth_sock")+"=\\s+256 "+w.fingerprint())
			w.exit(window)
			w.nothingLeft()
			if _, stderr, code := w.local("unsetup", host); code != 0 {
				t.Errorf("unsetup: exit %d, %s", code, stderr)
			}
		})
	}
}

// TestUnsetupOverALingeringKeeper: its link holder must not set the link again,
// and the next launch begins anew.
func TestUnsetupOverALingeringKeeper(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	before := w.homeFiles()
	w.exit(w.shell("--linger", "1h", "devbox"))
	out, stderr, code := w.local("unsetup", "devbox")
	if code != 0 || !strings.HasSuffix(out, "~/.ssh/rc: removed\n~/.bashrc: removed\n~/.profile: removed\n") {
		t.Errorf("exit %d, %s%s", code, out, stderr)
	}
	w.nothingLeft()
	if after := w.homeFiles(); after != before {
		t.Errorf("home was\n%s\nand is\n%s", before, after)
	}
	window := w.shell("devbox")
	w.do(window, "ssh-add -l", w.fingerprint())
	if w.homeFiles() == before {
		t.Error("the next launch did not set up")
	}
	w.exit(window)
	w.nothingLeft()
}
