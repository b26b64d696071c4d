//go:build linux

package transport

import (
	"errors"
	"strings"
	"testing"

	"github.com/mosha-ssh/mosha/internal/lab"
	"github.com/mosha-ssh/mosha/internal/lab/labtest"
	"github.com/mosha-ssh/mosha/internal/sshconn"
	"github.com/mosha-ssh/mosha/internal/sshconn/native"
)

// TestProxyHandsOver takes the socket that nc(1) passes on.
func TestProxyHandsOver(t *testing.T) {
	s := newSite(t, lab.SshdConfig{})
	labtest.LeavesNothing(t, func() {
		cfg := s.config("ProxyUseFdpass yes\nProxyCommand nc -F %h %p")
		conn, err := native.Dial(t.Context(), cfg, options(cfg))
		if err != nil {
			t.Fatal(err)
		}
		works(t, conn)
		if conn.Facts().Remote.IsValid() {
			t.Errorf("the other end of what a proxy made is taken for the server: %v", conn.Facts().Remote)
		}
		if left := labtest.Children(t); len(left) != 0 {
			t.Errorf("beside the connection: %q", left)
		}
		conn.Close()
	})
}

func TestProxyHandsOverNothing(t *testing.T) {
	s := newSite(t, lab.SshdConfig{})
	for command, message := range map[string]string{
		"sh -c 'echo no way >&2; exit 3'": "no way",
		"true":                            "handed over no socket",
		"sh -c 'echo x; sleep 0.1'":       "handed over no socket",
		"no-such-program":                 "not found",
	} {
		labtest.LeavesNothing(t, func() {
			_, err := s.dial(s.config("ProxyUseFdpass yes\nProxyCommand " + command))
			failed := (*sshconn.ProxyError)(nil)
			if !errors.As(err, &failed) || !strings.Contains(failed.Message, message) {
				t.Errorf("%s: %#v", command, err)
			}
		})
	}
	labtest.LeavesNothing(t, func() {
		_, err := s.dial(s.config("ConnectTimeout 1\nProxyUseFdpass yes\nProxyCommand sh -c 'while :; do sleep 1; done'"))
		if late := (*sshconn.TimeoutError)(nil); !errors.As(err, &late) || late.Phase != sshconn.PhaseConnect {
			t.Errorf("a proxy that does nothing: %#v", err)
		}
	})
}
