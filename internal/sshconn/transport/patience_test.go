//go:build linux

package transport

import (
	"context"
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mosha-ssh/mosha/internal/lab"
	"github.com/mosha-ssh/mosha/internal/sshconfig"
	"github.com/mosha-ssh/mosha/internal/sshconn"
	"github.com/mosha-ssh/mosha/internal/sshconn/native"
)

func nobodyAnswers(context.Context, sshconn.Prompt) ([][]byte, error) {
	return nil, sshconn.ErrNoAnswer
}

// TestSilentServer has a server that accepts connections and says nothing. A
// person waits for it as long as ssh does, almost.
func TestSilentServer(t *testing.T) {
	for _, test := range []struct {
		name   string
		cfg    sshconfig.Config
		prompt func(context.Context, sshconn.Prompt) ([][]byte, error)
		limits sshconn.Limits
		want   time.Duration
	}{
		{name: "a person waits", prompt: nobodyAnswers, want: 2 * time.Minute},
		{name: "a person waits, who is not to be asked", cfg: sshconfig.Config{BatchMode: true}, prompt: nobodyAnswers, want: 2 * time.Minute},
		{name: "a person waits, with ConnectTimeout", cfg: sshconfig.Config{ConnectTimeout: 5 * time.Second}, prompt: nobodyAnswers, want: 5 * time.Second},
		{name: "nobody waits", want: 10 * time.Second},
		{name: "the keeper comes back", limits: sshconn.Limits{Connect: 3 * time.Second, Silence: 4 * time.Second}, want: 4 * time.Second},
	} {
		cfg := configTo(t, &net.TCPAddr{Port: 22})
		cfg.BatchMode, cfg.ConnectTimeout = test.cfg.BatchMode, test.cfg.ConnectTimeout
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				opts := sshconn.Options{Prompt: test.prompt, Limits: test.limits, Dial: func(context.Context, string, string) (net.Conn, error) {
					ours, theirs := net.Pipe()
					go untilClosed(theirs)
					return ours, nil
				}}
				began := time.Now()
				_, err := native.Dial(t.Context(), cfg, opts)
				failed := (*sshconn.TimeoutError)(nil)
				if !errors.As(err, &failed) || failed.Phase != sshconn.PhaseBanner || failed.Seconds != int(test.want.Seconds()) || time.Since(began) != test.want {
					t.Errorf("%#v after %v, want %v", err, time.Since(began), test.want)
				}
			})
		})
	}
}

// TestDeadServer: Dial reports soon that there is no server at all.
func TestDeadServer(t *testing.T) {
	cfg := configTo(t, &net.TCPAddr{Port: 22})
	cfg.ConnectTimeout = 0
	synctest.Test(t, func(t *testing.T) {
		opts := sshconn.Options{Prompt: nobodyAnswers, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}}
		began := time.Now()
		_, err := native.Dial(t.Context(), cfg, opts)
		if failed := (*sshconn.TimeoutError)(nil); !errors.As(err, &failed) || failed.Phase != sshconn.PhaseConnect || time.Since(began) != 10*time.Second {
			t.Errorf("%#v after %v", err, time.Since(began))
		}
	})
}

// TestProxied measures how long a proxy takes, without what a person takes.
func TestProxied(t *testing.T) {
	s := newSite(t, lab.SshdConfig{})
	for _, test := range []struct {
		line     string
		from, to time.Duration
	}{
		{"ProxyCommand sh -c 'sleep 1; exec " + s.tunnel() + "'", time.Second, giveUp},
		{"ConnectTimeout 20", 0, 0},
	} {
		conn, err := s.dial(s.config(test.line))
		if err != nil {
			t.Fatal(err)
		}
		if took := conn.Facts().Proxied; took < test.from || took > test.to {
			t.Errorf("%s: %v", test.line, took)
		}
	}
}
