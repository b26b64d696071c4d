//go:build linux

package main_test

import (
	"context"
	"regexp"
	"strings"
	"testing"
	"time"

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
}

// newWorld builds one whose sshd has these further lines in its configuration.
func newWorld(t *testing.T, sshdLines ...string) *world {
	t.Helper()
	w := &world{t: t, lab: labtest.New(t)}
	var err error
	w.mosha, err = lab.BuildMosha(w.lab.Path(""))
	w.must(err)
	w.me, err = w.lab.Laptop.AddUser("bash")
	w.must(err)
	w.dev, err = w.lab.Devbox.AddUser("bash")
	w.must(err)
	w.key, err = w.me.NewKey("id_ed25519", "ed25519")
	w.must(err)
	w.agent, err = w.me.Agent()
	w.must(err)
	w.must(w.agent.Add(w.key))
	w.me.Setenv("SSH_AUTH_SOCK", w.agent.Sock)
	w.must(w.dev.Authorize(w.key.Pub))
	w.sshd, err = w.lab.Devbox.Sshd(lab.SshdConfig{Extra: sshdLines})
	w.must(err)
	w.knowHost()
	w.must(w.me.WriteFile(".ssh/config", "Host devbox*\n  User "+w.dev.Name+"\n", 0o600))
	return w
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
const limit = 60 * time.Second

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
	window, err := w.me.Terminal(columns, rows, w.me.Command(w.t.Context(), w.mosha, args...))
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
	out, err := w.me.Command(w.ctx(), "ssh-keygen", "-lf", w.key.Path).Output()
	w.must(err)
	return regexp.QuoteMeta(strings.Fields(string(out))[1])
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
	cmd := w.me.Command(w.ctx(), w.mosha, args...)
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
	w.must(lab.Eventually(w.ctx(), "no process of mosha's on the laptop", func() (bool, error) {
		return len(named(w.me.Processes(), "mosha")) == 0, nil
	}))
	if left := w.listing(w.me, `ls -A "$XDG_RUNTIME_DIR"`); strings.Contains(left, "mosha") {
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
