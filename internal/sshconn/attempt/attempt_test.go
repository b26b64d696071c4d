package attempt

import (
	"context"
	"testing"
	"time"

	"github.com/mosha-ssh/mosha/internal/sshconfig"
	"github.com/mosha-ssh/mosha/internal/sshconn"
)

func TestProxyPatience(t *testing.T) {
	nobody := func(context.Context, sshconn.Prompt) ([][]byte, error) { return nil, sshconn.ErrNoAnswer }
	for _, test := range []struct {
		cfg  sshconfig.Config
		opts sshconn.Options
		want time.Duration
	}{
		{sshconfig.Config{ProxyCommand: "x"}, sshconn.Options{}, proxyTimeout},
		{sshconfig.Config{ProxyCommand: "x"}, sshconn.Options{Prompt: nobody}, proxyTimeout},
		{sshconfig.Config{ProxyJump: "x"}, sshconn.Options{Limits: sshconn.Limits{Proxy: time.Second}}, time.Second},
		{sshconfig.Config{ProxyJump: "x", ConnectTimeout: time.Hour}, sshconn.Options{Limits: sshconn.Limits{Proxy: time.Second}}, time.Hour},
		{sshconfig.Config{}, sshconn.Options{Limits: sshconn.Limits{Proxy: time.Second}}, defaultTimeout},
	} {
		if got := New(&test.cfg, test.opts, false).Limit; got != test.want {
			t.Errorf("%+v, %+v: %v, want %v", test.cfg, test.opts.Limits, got, test.want)
		}
	}
}

// TestReached measures how long a proxy takes, without what a person takes.
func TestReached(t *testing.T) {
	a := New(&sshconfig.Config{ProxyJump: "x"}, sshconn.Options{}, false)
	a.began = time.Now().Add(-time.Hour)
	a.waited = 59 * time.Minute
	a.Begin(sshconn.PhaseKex)
	if a.reached < time.Minute || a.reached > 59*time.Minute {
		t.Errorf("%v, without what a person took", a.reached)
	}
}
