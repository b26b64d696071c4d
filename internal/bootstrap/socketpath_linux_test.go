//go:build openssh && sid

package bootstrap

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/mosha-ssh/mosha/internal/link"
	"github.com/mosha-ssh/mosha/internal/remotesh"
)

// TestAgentSocketPath lets sshd put its sockets elsewhere (sshd_config(5), from
// 10.6 on): ~/.ssh/rc takes them, the holder finds them, also where a start-up
// file hides them, and none is left where an sshd was killed.
func TestAgentSocketPath(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"user:.ssh/agent", "shared:/tmp", "user:.cache/agents", "user:/run/user/%U/ssh", "user:/var/tmp/a %u"} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, fmt.Sprintf("AgentSocketPath %q", path)).login(t, "bash")
			run := filepath.Join("/run/user", strconv.Itoa(s.account.UID))
			check(t, os.MkdirAll(run, 0o700))
			t.Cleanup(func() { check(t, os.RemoveAll(run)) })
			check(t, os.Chown(run, s.account.UID, s.account.GID))
			testAgentSocketPath(s)
		})
	}
}

func testAgentSocketPath(s *site) {
	said := s.run("-A", "echo $SSH_AUTH_SOCK")
	s.t.Logf("a login has %s", said)
	dir := filepath.Dir(said)
	if strings.HasPrefix(dir, "/tmp/ssh-") {
		dir = "/tmp"
	} else if dir == "." {
		s.t.Fatal("sshd forwards no agent")
	} else if dir != filepath.Join(s.account.Home, ".ssh/agent") {
		s.t.Cleanup(func() { check(s.t, os.RemoveAll(dir)) })
	}
	setUp(s.t, s)
	taken := s.run("-A", "-tt", "readlink "+remotesh.LinkPath+"; ssh-add -L")
	if !strings.HasPrefix(taken, dir) || !strings.HasSuffix(taken, s.key.Pub) {
		s.t.Errorf("~/.ssh/rc left the link at %q", taken)
	}
	for _, trap := range []string{"", "SSH_AUTH_SOCK=" + s.link(), "unset SSH_AUTH_SOCK"} {
		check(s.t, s.account.WriteFile(".bashrc", trap+"\n", 0o644))
		h, agent := s.hold(link.Claim)
		h.expect(link.Outcome{State: link.Set})
		if !strings.HasPrefix(agent, dir) {
			s.t.Errorf("with %q the agent is %q", trap, agent)
		}
		compare(s.t, "keys", s.key.Pub, s.keys())
		check(s.t, syscall.Kill(h.sshd.PID, syscall.SIGKILL))
		h.end()
		next, _ := s.hold(link.Reclaim(true, agent))
		next.expect(link.Outcome{State: link.Set})
		next.order(link.Bury(h.sshd, agent), link.Buried{})
		next.order(link.Ping(1), link.Pong{Token: 1, Owner: link.OwnerSelf})
		if left, err := os.Stat(agent); err == nil {
			s.t.Errorf("left is %v", left.Name())
		}
		report, err := Undo(s.t.Context(), s)
		check(s.t, err)
		compare(s.t, "the link", Removed, report.Files[0].Action)
		check(s.t, next.Close())
	}
}
