//go:build linux

package transport

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mosha-ssh/mosha/internal/lab"
	"github.com/mosha-ssh/mosha/internal/sshconn"
	"github.com/mosha-ssh/mosha/internal/sshconn/proxy"
)

// told returns what a person is shown of programs while connecting.
func told(opts *sshconn.Options) *[]string {
	lines := new([]string)
	opts.Prompt = func(context.Context, sshconn.Prompt) ([][]byte, error) { return nil, sshconn.ErrNoAnswer }
	opts.Tell = func(n sshconn.Notice) {
		if n.Kind == sshconn.NoticeProgram {
			*lines = append(*lines, n.Text)
		}
	}
	return lines
}

// TestProxyIsHeard: what a proxy says, a person sees while it waits for them,
// whatever carries the connection, and once.
func TestProxyIsHeard(t *testing.T) {
	s := newSite(t, lab.SshdConfig{})
	open := s.path("open")
	command := "sh -c 'echo visit https://login.example/CODE >&2; until test -e " + open + "; do sleep .05; done; echo thanks >&2; exec nc %h %p'"
	for _, fdpass := range []string{"no", "yes"} {
		way := command
		if fdpass == "yes" {
			way = strings.Replace(command, "exec nc", "exec nc -F", 1)
		}
		cfg := s.config("ProxyCommand "+way, "ProxyUseFdpass "+fdpass)
		for _, transport := range []string{sshconn.TransportNative, sshconn.TransportOpenSSH} {
			s.run("rm", "-f", open)
			opts := over(t, cfg, transport)
			lines := told(&opts)
			tell := opts.Tell
			opts.Tell = func(n sshconn.Notice) {
				tell(n)
				if strings.Contains(n.Text, "https") {
					s.write("open", "")
				}
			}
			conn, err := Open(t.Context(), cfg, opts)
			if err != nil {
				t.Fatalf("%s, fdpass %s: %v", transport, fdpass, err)
			}
			conn.Close()
			if !slices.Equal(*lines, []string{"visit https://login.example/CODE", "thanks"}) {
				t.Errorf("%s, fdpass %s: %q", transport, fdpass, *lines)
			}
		}
	}
}

// TestProxyIsHeardOnce: its last words are in the error, and a person
// does not hear again what it repeats for the other transport.
func TestProxyIsHeardOnce(t *testing.T) {
	s := newSite(t, lab.SshdConfig{Extra: []string{"MACs umac-128@openssh.com", "Ciphers aes128-ctr"}})
	cfg := s.config("ProxyCommand sh -c 'echo hello >&2; exec nc %h %p'")
	opts := over(t, cfg, sshconn.TransportAuto)
	lines := told(&opts)
	conn, err := Open(t.Context(), cfg, opts)
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	if conn.Facts().Choice.Transport != sshconn.TransportOpenSSH || !slices.Equal(*lines, []string{"hello"}) {
		t.Errorf("%+v, %q", conn.Facts().Choice, *lines)
	}
	defer func(before time.Duration) { proxy.HoldBack = before }(proxy.HoldBack)
	proxy.HoldBack = time.Hour
	cfg = s.config("ProxyCommand sh -c 'echo first >&2; echo no way >&2; exit 1'")
	for _, transport := range []string{sshconn.TransportNative, sshconn.TransportOpenSSH} {
		opts := over(t, cfg, transport)
		lines := told(&opts)
		_, err := Open(t.Context(), cfg, opts)
		if failed := (*sshconn.ProxyError)(nil); !errors.As(err, &failed) || failed.Message != "no way" || !slices.Equal(*lines, []string{"first"}) {
			t.Errorf("%s: %v, %q", transport, err, *lines)
		}
	}
}

// TestKnownHostsCommandIsHeard as with ssh.
func TestKnownHostsCommandIsHeard(t *testing.T) {
	s := newSite(t, lab.SshdConfig{})
	script := s.write("script", "#!/bin/sh\necho asking the directory >&2\n")
	s.run("chmod", "700", script)
	cfg := s.config("KnownHostsCommand " + script)
	opts := over(t, cfg, sshconn.TransportAuto)
	said := ""
	opts.Tell = func(n sshconn.Notice) { said += n.Text }
	conn, err := Open(t.Context(), cfg, opts)
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	if !strings.Contains(said, "asking the directory\n") {
		t.Errorf("%q", said)
	}
}
