//go:build linux

package transport

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/mosha-ssh/mosha/internal/lab"
	"github.com/mosha-ssh/mosha/internal/lab/labtest"
	"github.com/mosha-ssh/mosha/internal/sshconfig"
	"github.com/mosha-ssh/mosha/internal/sshconn"
)

// hopOptions are for somebody who answers what a hop asks.
func hopOptions(t *testing.T, cfg *sshconfig.Config, transport, answer string, problem error) (opts sshconn.Options, asked *[]sshconn.Prompt) {
	asked = new([]sshconn.Prompt)
	opts = over(t, cfg, transport)
	opts.Ask = func(context.Context, sshconn.HostKeyQuestion) (string, error) {
		return "", errors.New("asked about the server")
	}
	opts.Prompt = func(_ context.Context, p sshconn.Prompt) ([][]byte, error) {
		*asked = append(*asked, p)
		return [][]byte{[]byte(answer)}, problem
	}
	return opts, asked
}

// TestHopAsks: the host key of a hop is not known, or the key for it has a
// passphrase.
func TestHopAsks(t *testing.T) {
	s := newSite(t, lab.SshdConfig{})
	locked := s.newKey("locked", "ed25519", "-N", "open sesame")
	s.authorize(locked)
	for name, test := range map[string]struct {
		hop, answer, question string
		echo, typed           bool
	}{
		"host key":   {"UserKnownHostsFile " + s.path("learned"), "yes", "Are you sure you want to continue connecting", true, false},
		"passphrase": {"IdentitiesOnly yes\nIdentityFile " + locked, "open sesame", "Enter passphrase for key '" + locked + "'", false, true},
	} {
		t.Run(name, func(t *testing.T) {
			for _, transport := range []string{sshconn.TransportNative, sshconn.TransportOpenSSH} {
				_ = os.Remove(s.path("learned"))
				cfg := s.config("Match originalhost site\nProxyJump hop\nMatch originalhost hop\n" + test.hop + "\nMatch all")
				opts, asked := hopOptions(t, cfg, transport, test.answer, nil)
				labtest.LeavesNothing(t, func() {
					conn, err := Open(t.Context(), cfg, opts)
					if err != nil {
						t.Fatalf("%s: %v", transport, err)
					}
					if conn.Facts().Typed != test.typed {
						t.Errorf("%s: typed is %v", transport, conn.Facts().Typed)
					}
					conn.Close()
				})
				if len(*asked) != 1 || (*asked)[0].Kind != sshconn.PromptWords || !strings.Contains((*asked)[0].Fields[0].Text, test.question) || (*asked)[0].Fields[0].Echo != test.echo {
					t.Errorf("%s: asked %+v", transport, *asked)
				}
				if left, _ := os.ReadDir(opts.Master.Dir); len(left) != 0 {
					t.Errorf("%s: left are %v", transport, left)
				}
			}
		})
	}
}

// TestHopIsNotAnswered: a person declines, or ends it all; or there is none.
func TestHopIsNotAnswered(t *testing.T) {
	s := newSite(t, lab.SshdConfig{})
	cfg := s.config("Match originalhost site\nProxyJump hop\nMatch originalhost hop\nUserKnownHostsFile " + s.path("learned") + "\nMatch all")
	ended := errors.New("ended")
	for _, transport := range []string{sshconn.TransportNative, sshconn.TransportOpenSSH} {
		for _, test := range []struct {
			answer string
			err    error
		}{{"no", nil}, {"", sshconn.ErrNoAnswer}, {"", ended}} {
			opts, asked := hopOptions(t, cfg, transport, test.answer, test.err)
			labtest.LeavesNothing(t, func() {
				_, err := Open(t.Context(), cfg, opts)
				failed := (*sshconn.ProxyError)(nil)
				refused := errors.As(err, &failed) && failed.Message == "Host key verification failed."
				if errors.Is(test.err, ended) && !errors.Is(err, ended) || !errors.Is(test.err, ended) && !refused {
					t.Errorf("%s, %q, %v: %v", transport, test.answer, test.err, err)
				}
			})
			if len(*asked) != 1 {
				t.Errorf("%s: asked %+v", transport, *asked)
			}
		}
		opts, asked := hopOptions(t, cfg, transport, "yes", nil)
		opts.Ask, opts.Prompt = nil, nil
		t.Setenv("SSH_ASKPASS", s.askpass())
		t.Setenv("SSH_ASKPASS_REQUIRE", "force")
		if _, err := Open(t.Context(), cfg, opts); err == nil || len(*asked) != 0 {
			t.Errorf("%s: nobody was there, and it gave %v", transport, err)
		}
		if s.read("window") != "" {
			t.Errorf("%s: a window came up", transport)
		}
	}
	if text := s.read("learned"); text != "" {
		t.Errorf("learned %s", text)
	}
}

// askpass is another program that asks, which notes that it was run.
func (s *site) askpass() string {
	path := s.write("askpass", "#!/bin/sh\necho came up >"+s.path("window")+"\n")
	if err := os.Chmod(path, 0o700); err != nil {
		s.t.Fatal(err)
	}
	return path
}
