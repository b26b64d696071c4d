//go:build openssh && sid

package link

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/mosha-ssh/mosha/internal/bootstrap"
	"github.com/mosha-ssh/mosha/internal/lab/homes"
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
			s := homes.NewSite(t, fmt.Sprintf("AgentSocketPath %q", path)).Login(t, "bash")
			run := filepath.Join("/run/user", strconv.Itoa(s.Account.UID))
			homes.Check(t, os.MkdirAll(run, 0o700))
			t.Cleanup(func() { homes.Check(t, os.RemoveAll(run)) })
			homes.Check(t, os.Chown(run, s.Account.UID, s.Account.GID))
			testAgentSocketPath(s)
		})
	}
}

func testAgentSocketPath(s *homes.Site) {
	said := s.Run("-A", "echo $SSH_AUTH_SOCK")
	s.T.Logf("a login has %s", said)
	dir := filepath.Dir(said)
	if strings.HasPrefix(dir, "/tmp/ssh-") {
		dir = "/tmp"
	} else if dir == "." {
		s.T.Fatal("sshd forwards no agent")
	} else if dir != filepath.Join(s.Account.Home, ".ssh/agent") {
		s.T.Cleanup(func() { homes.Check(s.T, os.RemoveAll(dir)) })
	}
	setUp(s.T, s)
	taken := s.Run("-A", "-tt", "readlink "+remotesh.LinkPath+"; ssh-add -L")
	if !strings.HasPrefix(taken, dir) || !strings.HasSuffix(taken, s.Key.Pub) {
		s.T.Errorf("~/.ssh/rc left the link at %q", taken)
	}
	for _, trap := range []string{"", "SSH_AUTH_SOCK=" + s.Link(), "unset SSH_AUTH_SOCK"} {
		homes.Check(s.T, s.Account.WriteFile(".bashrc", trap+"\n", 0o644))
		h, agent := overHold(s, claim)
		h.expect(outcome{State: set})
		if !strings.HasPrefix(agent, dir) {
			s.T.Errorf("with %q the agent is %q", trap, agent)
		}
		compare(s.T, "keys", s.Key.Pub, s.Keys())
		homes.Check(s.T, syscall.Kill(h.sshd.PID, syscall.SIGKILL))
		h.end()
		next, _ := overHold(s, reclaim(true, agent))
		next.expect(outcome{State: set})
		next.order(bury(h.sshd, agent), buried{})
		next.order(ping(1), pong{Token: 1, Owner: ownerSelf})
		if left, err := os.Stat(agent); err == nil {
			s.T.Errorf("left is %v", left.Name())
		}
		report, err := bootstrap.Undo(s.T.Context(), s)
		homes.Check(s.T, err)
		compare(s.T, "the link", bootstrap.Removed, report.Files[0].Action)
		homes.Check(s.T, next.Close())
	}
}
