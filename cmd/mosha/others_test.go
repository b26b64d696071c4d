//go:build linux

package main_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/mosha-ssh/mosha/internal/lab"
)

// newOtherWorld is a world whose devbox has another SSH server than OpenSSH's,
// as the host other.
func newOtherWorld(t *testing.T, serve func(m *lab.Machine, port int) (*lab.OtherServer, error)) (*world, *lab.OtherServer) {
	t.Helper()
	w := newWorld(t)
	server, err := serve(w.lab.Devbox, 2022)
	w.must(err)
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(server.Log())
		}
		w.must(server.Stop())
	})
	w.must(w.me.KnowHost("[devbox]:2022 " + server.HostKey))
	w.must(w.me.WriteFile(".ssh/config", fmt.Sprintf("Host other\n HostName devbox\n Port 2022\n User %s\n", w.dev.Name), 0o600))
	return w, server
}

// TestDropbear closes a session that nobody uses when another ends, also one
// that was opened ahead.
func TestDropbear(t *testing.T) {
	t.Parallel()
	w, server := newOtherWorld(t, (*lab.Machine).Dropbear)
	window := w.shell("other")
	w.agentIsNow(window, w.key)
	for range 3 {
		w.launchDuring(func() { w.runs("--setup-only", "other") })
	}
	if n := server.Connections(); n != 1 {
		t.Errorf("%d connections", n)
	}
	w.agentIsNow(window, w.key)
	w.exit(window)
	w.nothingLeft()
}

// TestDropbearForwardsNone: what is to be done is not said of an sshd that is
// there too, and does not matter.
func TestDropbearForwardsNone(t *testing.T) {
	t.Parallel()
	w, _ := newOtherWorld(t, (*lab.Machine).Dropbear)
	w.must(w.lab.Devbox.Replace("/etc/ssh/sshd_config", "AllowAgentForwarding no\n", 0o644))
	w.must(w.dev.WriteFile(".ssh/authorized_keys", "no-agent-forwarding "+w.key.Pub+"\n", 0o600))
	window := w.runSized(200, 24, "other")
	w.must(window.WaitOutput(w.ctx(), `mosha: warning: the server forwards no agent, so the session has none \(has your key an option there that forbids it\?\)`))
	w.must(window.Send("\r")) // it was read
	w.must(window.WaitFor(w.ctx(), `\$ ?$`))
	r := w.examine("other")
	r.fails(7, map[string]string{"forwarding": `^your key has the option no-agent-forwarding in ~/\.ssh/authorized_keys there$`})
	for _, c := range r.all {
		if strings.Contains(c.Cause+c.Cure, "sshd_config") {
			t.Errorf("%s: %s (%s)", c.Check, c.Cause, c.Cure)
		}
	}
	w.exit(window)
	w.nothingLeft()
}

// launchDuring begins a session whose mosh starts only after something else.
func (w *world) launchDuring(between func()) {
	w.t.Helper()
	const wrapper = "#!/bin/sh\n: >held\nwhile [ -e held ]; do sleep .1; done\nexec /usr/bin/mosh \"$@\"\n"
	w.must(w.me.WriteFile("bin/mosh", wrapper, 0o755))
	window, err := w.me.Terminal(80, 24, w.me.Command(w.t.Context(), "env", "PATH="+w.me.Path("bin")+":/usr/bin:/bin", w.mosha, "other", "--", "true"))
	w.must(err)
	w.must(lab.Eventually(w.ctx(), "mosh starts", func() (bool, error) {
		_, err := w.me.ReadFile("held")
		return err == nil, nil
	}))
	between()
	w.must(w.me.Command(w.ctx(), "rm", "held").Run())
	code, err := window.Wait(w.ctx())
	w.must(err)
	if code != 0 {
		w.t.Fatalf("exit code %d; screen:\n%s", code, window.Screen())
	}
}

// TestTinysshd allows one session on a connection: that is for mosh, and
// mosha tells that there is none for the agent.
func TestTinysshd(t *testing.T) {
	t.Parallel()
	for _, transport := range []string{"native", "openssh"} {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			w, _ := newOtherWorld(t, (*lab.Machine).Tinysshd)
			w.transport = transport
			window := w.runSized(200, 24, "other")
			w.must(window.WaitOutput(w.ctx(), `mosha: warning: the server allows one session on a connection, so mosh works and the agent cannot`))
			w.must(window.Send("\r")) // it was read
			w.must(window.WaitFor(w.ctx(), `\$ ?$`))
			w.do(window, "clear; echo it-is-$((6*7))", "it-is-42")
			second := w.run("other", "--", "true")
			w.must(second.WaitOutput(w.ctx(), "one session"))
			w.must(second.Send("\r"))
			code, err := second.Wait(w.ctx())
			w.must(err)
			if code != 0 {
				t.Errorf("exit code %d; screen:\n%s", code, second.Screen())
			}
			_, said, code := w.local("keep", "other")
			if code != 7 || !strings.Contains(said, "one session") {
				t.Errorf("keep: exit code %d: %s", code, said)
			}
			r := w.examine("other")
			r.is("udp", "ok", "")
			r.fails(7, map[string]string{"shell": "^the server allows one session on a connection"})
			w.exit(window)
			w.local("status") // clears away the lease of a session that has outlived its keeper
			w.nothingLeft()
		})
	}
}
