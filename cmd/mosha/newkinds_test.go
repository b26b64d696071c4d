//go:build linux && openssh && sid

package main_test

import (
	"strings"
	"testing"

	"github.com/mosha-ssh/mosha/internal/lab"
)

// newKind is a kind of key that OpenSSH has from 10.4 on, and the native
// transport has not.
const newKind = "mldsa44-ed25519"

// TestHostKnownByNewKind has known_hosts know a host by a key of a new kind
// alone, though the server has others.
func TestHostKnownByNewKind(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	sshd, err := w.lab.Devbox.Sshd(lab.SshdConfig{Port: 2222, HostKeys: []string{newKind, "ed25519"}})
	w.must(err)
	w.sshd = sshd
	lines, err := sshd.HostKeyLines("devbox")
	w.must(err)
	w.must(w.me.WriteFile(".ssh/known_hosts", lines[0]+"\n", 0o600))
	w.must(w.me.AppendFile(".ssh/config", "  Port 2222\n"))

	_, stderr, code := w.local("keep", "--transport=native", "devbox")
	if code == 0 || !strings.Contains(stderr, "known_hosts") || !strings.Contains(stderr, "ssh-"+newKind) {
		t.Errorf("native: exit %d: %s", code, stderr)
	}
	w.keepsOver("openssh", "ssh-"+newKind)

	w.must(w.me.AppendFile(".ssh/known_hosts", lines[1]+"\n"))
	w.keepsOver("native", "")
	if known, err := w.me.ReadFile(".ssh/known_hosts"); err != nil || !strings.HasPrefix(known, lines[0]+"\n") {
		t.Errorf("known_hosts is now %q, %v", known, err)
	}
}

// keepsOver connects, and says over which transport and why it is to be.
func (w *world) keepsOver(transport, reason string) {
	w.t.Helper()
	if _, stderr, code := w.local("keep", "devbox"); code != 0 || stderr != "" {
		w.t.Fatalf("keep: exit %d, %s", code, stderr)
	}
	w.agentThere()
	if s := w.status(); s.Transport != transport || !strings.Contains(s.Reason, reason) || reason == "" && s.Reason != "" {
		w.t.Errorf("%+v", s)
	}
	w.runs("stop", "devbox")
	w.nothingLeft()
}

// TestLoginWithNewKind logs in with a key of a new kind, from a file and from
// the agent.
func TestLoginWithNewKind(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	key, err := w.me.NewKey("id_mldsa44_ed25519", newKind)
	w.must(err)
	w.must(w.dev.WriteFile(".ssh/authorized_keys", key.Pub+"\n", 0o600))
	w.keepsOver("openssh", key.Path)
	w.must(w.agent.Add(key))
	w.keepsOver("native", "")
}

// TestAgentSocketElsewhere: the session and the doctor find the forwarded agent
// where the server's AgentSocketPath has it.
func TestAgentSocketElsewhere(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"shared:/tmp", "user:.cache/agents"} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, "AgentSocketPath "+path)
			window := w.shell("devbox")
			w.agentIsNow(window, w.key)
			w.examine("devbox").well2(t)
			w.exit(window)
			w.nothingLeft()
		})
	}
}

// TestDoctorOnAHomeWithoutSockets: sshd cannot make its socket in a home that
// cannot be written to, and forwards no agent then.
func TestDoctorOnAHomeWithoutSockets(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.must(w.dev.ReadOnlyHome())
	r := w.examine("devbox")
	r.is("forwarding", "fail", `^the server forwards no agent$`)
	if cure := r.rows["forwarding"].Cure; !strings.Contains(cure, "AgentSocketPath") {
		t.Errorf("the cure is %q", cure)
	}
	w.nothingLeft()
}
