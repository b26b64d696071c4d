//go:build linux

package main_test

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh/agent"

	"github.com/mosha-ssh/mosha/internal/keeper/control"
	"github.com/mosha-ssh/mosha/internal/lab"
)

// launchWith begins a session of a shell with another agent, and checks whether
// mosha says that this agent has no keys.
func (w *world) launchWith(sock string, lacks string) *lab.Terminal {
	w.t.Helper()
	w.me.Setenv("SSH_AUTH_SOCK", sock)
	window := w.runSized(200, 24, "devbox")
	if strings.Contains(lacks, "the session has none") {
		w.must(window.WaitOutput(w.ctx(), `press Enter`))
		w.must(window.Send("\r"))
	}
	w.must(window.WaitFor(w.ctx(), `\$ ?$`))
	said := string(window.Transcript())
	if strings.Contains(said, "has no keys") != (lacks != "") || !strings.Contains(said, lacks) {
		w.t.Errorf("the launch with the agent %s should say %q:\n%q", sock, lacks, said)
	}
	return window
}

// TestAgentWithoutKeys: a launch whose agent has none says so, and leaves the
// sessions the agent that has some, until another with keys comes.
func TestAgentWithoutKeys(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	empty, err := w.me.Agent()
	w.must(err)
	second, err := w.me.NewKey("second", "ed25519")
	w.must(err)
	w.must(w.dev.Authorize(second.Pub))

	first := w.launchWith(w.agent.Sock, "")
	w.agentIsNow(first, w.key)
	other := w.launchWith(empty.Sock, "has no keys: sessions have those of the agent of an earlier launch")
	for range 20 {
		w.agentIsNow(first, w.key)
	}
	w.agentIsNow(other, w.key)

	// The connection that comes back logs in with the keys that there are.
	ups := w.status().Reconnects
	w.must(w.sshd.KillSessions())
	w.becomes("up again", func(s control.Status) bool { return s.State == control.Up && s.Reconnects > ups })
	w.agentIs(first, w.key)

	w.must(empty.Add(second))
	third := w.launchWith(empty.Sock, "")
	w.agentIs(third, second)
	w.agentIsNow(first, second)

	w.must(empty.Stop())
	w.agentIsNow(first, w.key)
	for _, window := range []*lab.Terminal{first, other, third} {
		w.exit(window)
	}
	w.nothingLeft()
}

// TestOnlyAgentWithoutKeys: the session has it all the same, with the keys that
// it gets later.
func TestOnlyAgentWithoutKeys(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.must(w.agent.Restart(false))
	window := w.launchWith(w.agent.Sock, "has no keys, so the session has none")
	w.must(w.agent.Add(w.key))
	w.agentIsNow(window, w.key)
	w.exit(window)
	w.nothingLeft()
}

// TestAgentThatDoesNotSay which keys it has, since it waits for a person to
// unlock it, neither holds a launch up nor takes the keys from the sessions.
func TestAgentThatDoesNotSay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first := w.launchWith(w.agent.Sock, "")
	sock := filepath.Join(w.me.RuntimeDir, "silent")
	silent, err := net.Listen("unix", sock)
	w.must(err)
	t.Cleanup(func() { silent.Close() })
	w.must(os.Chown(sock, w.me.UID, w.me.GID))
	second := w.launchWith(sock, "")
	w.agentIsNow(first, w.key)
	w.exit(second)
	w.exit(first)
	w.nothingLeft()
}

// TestLockedAgent over both transports: while the agent is locked a session gets
// nothing from it, and when it is unlocked all that it had, over the same
// connection.
func TestLockedAgent(t *testing.T) {
	for _, transport := range []string{"native", "openssh"} {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.transport = transport
			window := w.shell("devbox")
			conn, err := net.Dial("unix", w.agent.Sock)
			w.must(err)
			defer conn.Close()
			owner := agent.NewClient(conn)
			for range 3 {
				w.agentIsNow(window, w.key)
				w.must(owner.Lock([]byte("secret")))
				w.ask(window, w.key, "ssh-add -l 2>&1 | grep -cE 'refused operation|no identities'", "1")
				w.must(owner.Unlock([]byte("secret")))
			}
			w.agentIsNow(window, w.key)
			w.ask(window, w.key, "SSH_ASKPASS=true SSH_ASKPASS_REQUIRE=force ssh-add -s /usr/lib/none.so 2>&1 | grep -c refused", "1")
			if s := w.status(); s.Reconnects != 0 {
				t.Errorf("%+v", s)
			}
			w.exit(window)
			w.nothingLeft()
		})
	}
}
