//go:build linux

package main_test

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/mosha-ssh/mosha/internal/keeper/control"
	"github.com/mosha-ssh/mosha/internal/lab"
	"github.com/mosha-ssh/mosha/internal/lab/labtest"
)

// world is a laptop with mosha, a key in an agent and a known devbox.
type world struct {
	t     *testing.T
	lab   *lab.Lab
	mosha string
	me    *lab.User // on the laptop
	dev   *lab.User // on the devbox
	key   lab.Key
	agent *lab.Agent
	sshd  *lab.Sshd
	turns int // of asks in a session, to tell their answers apart

	transport string // what the program is told with --transport; "" if nothing
}

// newWorld builds one whose sshd has these further lines in its configuration.
func newWorld(t *testing.T, sshdLines ...string) *world {
	t.Helper()
	w := &world{t: t, lab: labtest.New(t), transport: transportOf(t)}
	var err error
	w.mosha, err = lab.BuildMosha(w.lab.Path(""))
	w.must(err)
	w.dev, err = w.lab.Devbox.AddUser("bash")
	w.must(err)
	w.sshd, err = w.lab.Devbox.Sshd(lab.SshdConfig{Extra: sshdLines})
	w.must(err)
	w.equip(w.lab.Laptop)
	return w
}

// equip makes the person of this world a user on the laptop, with a key that
// the devbox lets in.
func (w *world) equip(laptop *lab.Machine) {
	w.t.Helper()
	var err error
	w.me, err = laptop.AddUser("bash")
	w.must(err)
	w.key, err = w.me.NewKey("id_ed25519", "ed25519")
	w.must(err)
	w.agent, err = w.me.Agent()
	w.must(err)
	w.must(w.agent.Add(w.key))
	w.me.Setenv("SSH_AUTH_SOCK", w.agent.Sock)
	w.must(w.dev.Authorize(w.key.Pub))
	w.knowHost()
	w.must(w.me.WriteFile(".ssh/config", "Host devbox*\n  User "+w.dev.Name+"\n", 0o600))
	w.t.Cleanup(w.showLogs)
}

// showLogs prints the keepers' logs if the test failed.
func (w *world) showLogs() {
	if !w.t.Failed() {
		return
	}
	logs, _ := filepath.Glob(w.me.Path(".local/state/mosha/*.log"))
	for _, path := range logs {
		log, _ := w.me.ReadFile(path)
		w.t.Logf("%s of %s:\n%s", filepath.Base(path), w.me.Machine.Name, log)
	}
}

// another is a second laptop of the same person, with a key of its own.
func (w *world) another() *world {
	w.t.Helper()
	laptop, err := w.lab.AddMachine("second")
	w.must(err)
	b := *w
	b.equip(laptop)
	return &b
}

// knowHost adds the devbox's present host key to the laptop's known_hosts.
func (w *world) knowHost() {
	w.t.Helper()
	lines, err := w.sshd.HostKeyLines("devbox", "devbox4", "devbox6")
	w.must(err)
	w.must(w.me.KnowHost(lines...))
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// limit bounds every wait of a test. It is generous: it decides nothing but
// when to give up.
const limit = 5 * time.Minute

func (w *world) ctx() context.Context {
	ctx, cancel := context.WithTimeout(w.t.Context(), limit)
	w.t.Cleanup(cancel)
	return ctx
}

// run opens a window on the laptop in which mosha runs.
func (w *world) run(args ...string) *lab.Terminal {
	w.t.Helper()
	return w.runSized(80, 24, args...)
}

func (w *world) runSized(columns, rows int, args ...string) *lab.Terminal {
	w.t.Helper()
	window, err := w.me.Terminal(columns, rows, w.me.Command(w.t.Context(), w.mosha, w.withTransport(args)...))
	w.must(err)
	return window
}

// shell runs mosha with these arguments and waits for the remote's prompt.
func (w *world) shell(args ...string) *lab.Terminal {
	w.t.Helper()
	window := w.run(args...)
	w.must(window.WaitFor(w.ctx(), `\$ ?$`))
	return window
}

// shellWithout is shell where the session lacks the agent: the person reads that
// first.
func (w *world) shellWithout(why string, args ...string) *lab.Terminal {
	w.t.Helper()
	window := w.runSized(240, 24, args...)
	w.must(window.WaitOutput(w.ctx(), `(?s)mosha: warning: `+why+`.*press Enter`))
	w.must(window.Send("\r"))
	w.must(window.WaitFor(w.ctx(), `\$ ?$`))
	return window
}

// do types a command in a session and waits until the screen shows the pattern.
func (w *world) do(window *lab.Terminal, command, pattern string) {
	w.t.Helper()
	w.must(window.Send(command + "\r"))
	w.must(window.WaitFor(w.ctx(), pattern))
}

// exit leaves a session and returns mosh's exit code.
func (w *world) exit(window *lab.Terminal) int {
	w.t.Helper()
	w.must(window.Send("exit\r"))
	code, err := window.Wait(w.ctx())
	w.must(err)
	return code
}

// fingerprint matches what ssh-add -l shows of the key.
func (w *world) fingerprint() string {
	w.t.Helper()
	return regexp.QuoteMeta(w.shown(w.key))
}

// shown is the fingerprint that ssh-add -l shows of a key.
func (w *world) shown(key lab.Key) string {
	w.t.Helper()
	public, _, _, _, err := ssh.ParseAuthorizedKey([]byte(key.Pub))
	w.must(err)
	return ssh.FingerprintSHA256(public)
}

// agentIs waits until the agent with this key answers in the session, and
// returns how long that took.
func (w *world) agentIs(window *lab.Terminal, key lab.Key) time.Duration {
	w.t.Helper()
	began := time.Now()
	w.ask(window, key, "until timeout 5 ssh-add -l 2>&1 | grep -qFf WANT; do sleep .1; done; ssh-add -l | grep -cFf WANT", "1")
	return time.Since(began)
}

// agentIsNow is agentIs at the first request.
func (w *world) agentIsNow(window *lab.Terminal, key lab.Key) {
	w.t.Helper()
	w.ask(window, key, "timeout 200 ssh-add -l 2>&1 | grep -cFf WANT", "1")
}

// ask runs a command in the session and waits until it has printed the answer.
// WANT in it is a file that has the fingerprint of the key. What was on the
// screen before is not taken for the answer, nor is what was typed.
func (w *world) ask(window *lab.Terminal, key lab.Key, command, answer string) {
	w.t.Helper()
	w.turns++
	want := fmt.Sprintf("want-%s-%d", w.me.Name, w.turns)
	w.must(w.dev.WriteFile(want, w.shown(key)+"\n", 0o600))
	command = strings.ReplaceAll(command, "WANT", want)
	w.do(window, fmt.Sprintf(`clear; echo "turn-$((%d)):$(%s)"`, w.turns, command), fmt.Sprintf("turn-%d:%s$", w.turns, answer))
}

// status is what mosha says of the devbox's keeper: nothing where none runs.
func (w *world) status() control.Status {
	w.t.Helper()
	var s control.Status
	if out, _, _ := w.local("status", "--json", "devbox"); out != "" {
		w.must(json.Unmarshal([]byte(out), &s))
	}
	return s
}

// becomes waits until the devbox's keeper says of itself what is wanted.
func (w *world) becomes(what string, wanted func(control.Status) bool) {
	w.t.Helper()
	var last control.Status
	err := lab.Eventually(w.ctx(), what, func() (bool, error) {
		last = w.status()
		return wanted(last), nil
	})
	if err != nil {
		w.t.Fatalf("%v; status: %+v", err, last)
	}
}

// keeper is the pid of the one keeper that runs.
func (w *world) keeper() int {
	w.t.Helper()
	var found []lab.Proc
	w.must(lab.Eventually(w.ctx(), "one keeper", func() (bool, error) {
		found = named(w.me.Processes(), "mosha")
		return len(found) == 1, nil
	}))
	return found[0].PID
}

// remote runs a command on the devbox as its user, outside of any session.
func (w *world) remote(command string) string {
	w.t.Helper()
	out, err := w.dev.Command(w.ctx(), "sh", "-c", command).CombinedOutput()
	if err != nil {
		w.t.Fatalf("%s: %v: %s", command, err, out)
	}
	return strings.TrimSpace(string(out))
}

// local runs mosha without a terminal and returns its output and exit code.
func (w *world) local(args ...string) (stdout, stderr string, code int) {
	w.t.Helper()
	cmd := w.me.Command(w.ctx(), w.mosha, w.withTransport(args)...)
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		w.t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// nothingLeft waits until mosha has left nothing behind, on either side: no
// process, no socket, no lease, no link.
func (w *world) nothingLeft() {
	w.t.Helper()
	var left []lab.Proc
	err := lab.Eventually(w.ctx(), "no process on the laptop but the agent", func() (bool, error) {
		left = slices.DeleteFunc(w.me.Processes(), func(p lab.Proc) bool { return p.Name == "ssh-agent" })
		return len(left) == 0, nil
	})
	if err != nil {
		w.t.Fatalf("%v: %v", err, left)
	}
	if left := w.listing(w.me, `ls -A "$XDG_RUNTIME_DIR"; ls -lR "$XDG_RUNTIME_DIR"/mosha 2>/dev/null || :`); strings.Contains(left, "mosha") {
		w.t.Errorf("left in the runtime directory: %s", left)
	}
	w.must(lab.Eventually(w.ctx(), "no process of the user's on the devbox", func() (bool, error) {
		return len(w.dev.Processes()) == 0, nil
	}))
	if link := w.remote("ls -l .ssh/ssh_auth_sock 2>&1 || :"); !strings.Contains(link, "No such file") {
		w.t.Errorf("the link is left: %s", link)
	}
}

func (w *world) listing(u *lab.User, command string) string {
	w.t.Helper()
	out, err := u.Command(w.ctx(), "sh", "-c", command).CombinedOutput()
	w.must(err)
	return string(out)
}

// named returns the processes whose program has this name.
func named(all []lab.Proc, name string) []lab.Proc {
	var found []lab.Proc
	for _, p := range all {
		if p.Name == name {
			found = append(found, p)
		}
	}
	return found
}
