//go:build linux

package transport

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mosha-ssh/mosha/internal/lab"
	"github.com/mosha-ssh/mosha/internal/lab/labtest"
	"github.com/mosha-ssh/mosha/internal/sshconfig"
	"github.com/mosha-ssh/mosha/internal/sshconn"
)

// TestJumpHostsWithMasters: the configuration has a master made for each hop,
// however the hop is reached. None is made. One that is there is used, but not
// where it may have died.
func TestJumpHostsWithMasters(t *testing.T) {
	s := newSite(t, lab.SshdConfig{})
	masters := "Match originalhost one,two,three\nControlMaster auto\nControlPath " + s.path("cm-") + "%n\nControlPersist 10m\n"
	for name, way := range map[string]string{
		"a list": "Match originalhost site\nProxyJump one,two,three\n",
		"a hop's own hop": "Match originalhost site\nProxyJump three\n" +
			"Match originalhost three\nProxyJump two\nMatch originalhost two\nProxyJump one\n",
	} {
		t.Run(name, func(t *testing.T) {
			cfg := s.config(way + masters + "Match all")
			defer s.endMasters(cfg)
			for _, attended := range []bool{false, true} {
				if n := s.connectionsBy(t, cfg, attended, false); n != 4 {
					t.Errorf("attended %v: %d connections, want 4", attended, n)
				}
				if found := s.masters(); len(found) != 0 {
					t.Fatalf("attended %v: left are %v", attended, found)
				}
			}
			s.run("ssh", "-F", cfg.ConfigFile, "-f", "-N", "one")
			if found := s.masters(); len(found) != 1 {
				t.Fatalf("masters: %v", found)
			}
			for _, test := range []struct {
				attended, lost bool
				want           int
			}{{true, false, 3}, {true, true, 4}, {false, false, 4}} {
				if n := s.connectionsBy(t, cfg, test.attended, test.lost); n != test.want {
					t.Errorf("with a master, %+v: %d connections", test, n)
				}
			}
		})
	}
}

// connectionsBy connects and returns how many connections that took.
func (s *site) connectionsBy(t *testing.T, cfg *sshconfig.Config, attended, lost bool) int {
	t.Helper()
	before := s.sshd.Connections()
	opts := over(t, cfg, sshconn.TransportNative)
	opts.Lost = lost
	if attended {
		opts.Prompt = func(context.Context, sshconn.Prompt) ([][]byte, error) { return nil, sshconn.ErrNoAnswer }
	}
	labtest.LeavesNothing(t, func() {
		conn, err := Open(t.Context(), cfg, opts)
		if err != nil {
			t.Fatalf("attended %v: %v", attended, err)
		}
		conn.Close()
	})
	return s.sshd.Connections() - before
}

// masters are the control sockets of the hops.
func (s *site) masters() []string {
	found, _ := filepath.Glob(s.path("cm-*"))
	return found
}

func (s *site) endMasters(cfg *sshconfig.Config) {
	for _, path := range s.masters() {
		s.run("ssh", "-F", cfg.ConfigFile, "-O", "exit", strings.TrimPrefix(filepath.Base(path), "cm-"))
	}
}

// TestJumpProgramIsNamed in a command line of ssh's, as it is: where that would
// be another name, hops do without.
func TestJumpProgramIsNamed(t *testing.T) {
	s := newSite(t, lab.SshdConfig{})
	cfg := s.config("Match originalhost site\nProxyJump one,two\nMatch all")
	for _, name := range []string{"plain", "two words", "100%h", "$HOME"} {
		opts := over(t, cfg, sshconn.TransportNative)
		opts.Master.Dir = filepath.Join(opts.Master.Dir, name)
		s.run("mkdir", opts.Master.Dir)
		conn, err := Open(t.Context(), cfg, opts)
		if err != nil {
			t.Errorf("%q: %v", name, err)
			continue
		}
		conn.Close()
	}
}
