//go:build linux

package transport

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/mosha-ssh/mosha/internal/lab"
	"github.com/mosha-ssh/mosha/internal/lab/labtest"
	"github.com/mosha-ssh/mosha/internal/sshconn"
	"github.com/mosha-ssh/mosha/internal/sshconn/native"
)

func TestProxyCommand(t *testing.T) {
	s := newSite(t, lab.SshdConfig{})
	for _, command := range []string{
		s.tunnel(),
		"sh -c 'echo starting >&2; " + s.tunnel() + "'",
	} {
		labtest.LeavesNothing(t, func() {
			cfg := s.config("ProxyCommand " + command)
			conn, err := native.Dial(t.Context(), cfg, options(cfg))
			if err != nil {
				t.Fatal(err)
			}
			works(t, conn)
			if conn.Facts().Remote.IsValid() {
				t.Errorf("remote address %v", conn.Facts().Remote)
			}
			if _, err := conn.SessionBind(true); err != nil {
				t.Error(err)
			}
			conn.Close()
			if left := labtest.Children(t); len(left) != 0 {
				t.Errorf("after Close: %q", left)
			}
		})
	}
}

// tunnel is a command that joins its input and output to %h:%p: an ssh through
// the very same sshd.
func (s *site) tunnel() string {
	s.write("tunnel", fmt.Sprintf("HostName 127.0.0.1\nPort %d\nIdentityFile %s\nUserKnownHostsFile %s\nIdentityAgent none\n", s.sshd.Port, s.key, s.path("known_hosts")))
	return "ssh -F " + s.path("tunnel") + " -W %h:%p via"
}

func TestProxyJump(t *testing.T) {
	s := newSite(t, lab.SshdConfig{})
	for _, jump := range []string{"hop", "hop1,hop2"} {
		labtest.LeavesNothing(t, func() {
			// Only the destination has the jump.
			cfg := s.config("Match originalhost site\nProxyJump " + jump + "\nMatch all")
			conn, err := native.Dial(t.Context(), cfg, options(cfg))
			if err != nil {
				t.Fatal(err)
			}
			works(t, conn)
			conn.Close()
		})
		if n := s.sshd.Connections(); n == 0 {
			t.Error("no connection")
		}
	}
	if n := s.sshd.Connections(); n != 2+3 {
		t.Errorf("%d connections for a jump and a double jump", n)
	}
}

func TestProxyFails(t *testing.T) {
	s := newSite(t, lab.SshdConfig{})
	var log syncBuffer
	for _, test := range []struct {
		line, message string
		status        int
	}{
		{"ProxyCommand sh -c 'echo first >&2; echo; echo >&2 no way; exit 3'", "no way", 3},
		{"ProxyCommand sh -c 'printf >&2 \"a\\033[31mb\"; exit 1'", "a[31mb", 1},
		{"ProxyCommand true", "", 0},
		{"ProxyCommand no-such-program", "not found", 127},
		{"Match originalhost site\nProxyJump hop\nMatch all\nStrictHostKeyChecking yes\nUserKnownHostsFile /dev/null", "Host key verification failed.", 255},
	} {
		labtest.LeavesNothing(t, func() {
			cfg := s.config(test.line)
			opts := options(cfg)
			opts.Log = zerolog.New(&log)
			_, err := native.Dial(t.Context(), cfg, opts)
			failed := &sshconn.ProxyError{}
			if !errors.As(err, &failed) || !strings.Contains(failed.Message, test.message) || failed.Status != test.status || failed.Command == "" {
				t.Errorf("%s: %#v", test.line, err)
			}
		})
	}
	if !strings.Contains(log.String(), `"stderr":"first"`) {
		t.Errorf("the proxy's stderr is not in the log: %s", log.String())
	}
	t.Setenv("SHELL", "/no/such/shell")
	_, err := s.dial(s.config("ProxyCommand true"))
	if failed := (*sshconn.ProxyError)(nil); !errors.As(err, &failed) || failed.Status != -1 {
		t.Errorf("%#v", err)
	}
}

// TestProxyThatStays has a proxy that ignores SIGTERM and has children of its
// own: Close ends them all.
func TestProxyThatStays(t *testing.T) {
	s := newSite(t, lab.SshdConfig{})
	pids := s.path("pids")
	stubborn := s.write("stubborn", "trap '' TERM HUP PIPE\nsh -c 'trap \"\" TERM HUP; echo $$ >"+pids+"; while :; do sleep 1; done' &\n"+
		strings.NewReplacer("%h", "127.0.0.1", "%p", fmt.Sprint(s.sshd.Port)).Replace(s.tunnel())+"\nwhile :; do sleep 1; done\n")
	labtest.LeavesNothing(t, func() {
		cfg := s.config("ProxyCommand sh " + stubborn)
		conn, err := native.Dial(t.Context(), cfg, options(cfg))
		if err != nil {
			t.Fatal(err)
		}
		works(t, conn)
		conn.Close()
	})
	pid := strings.TrimSpace(s.read("pids"))
	if pid == "" {
		t.Fatal("the proxy's child did not start")
	}
	err := lab.Eventually(t.Context(), "the proxy's child is gone", func() (bool, error) {
		stat, err := os.ReadFile("/proc/" + pid + "/stat")
		return err != nil || strings.Contains(string(stat), ") Z "), nil
	})
	if err != nil {
		t.Error(err)
	}
}
