package keeper

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/mosha-ssh/mosha/internal/child"
	"github.com/mosha-ssh/mosha/internal/keeper/control"
	"github.com/mosha-ssh/mosha/internal/keeper/pace"
	"github.com/mosha-ssh/mosha/internal/sshconfig"
)

// environOf is where programs run.
func environOf(k *Keeper) child.Env {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.env
}

// TestAttachEnv: the newest launch's environment and directory hold, but not
// those of a client that only looks at a connection that works.
func TestAttachEnv(t *testing.T) {
	k := spareKeeper(t)
	use := func(session bool, environ ...string) {
		config := *k.config()
		config.Dir = t.TempDir()
		service{k}.use(control.Attach{Config: &config, Session: session, Env: control.Environment(environ)})
		entered := environOf(k).Dir()
		if entered == config.Dir != (session || !k.conn.Works()) {
			t.Errorf("in %s, the launch in %s", entered, config.Dir)
		}
	}
	is := func(want ...string) {
		t.Helper()
		got := environOf(k).Environ()
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	}
	use(true, "TOKEN=one", "ONLY=one", "EMPTY=")
	is("EMPTY=", "ONLY=one", "TOKEN=one")
	use(true, "TOKEN=two", "ODD=\xff=\n", "TOKEN=three", "=none", "none")
	is("ODD=\xff=\n", "TOKEN=two", "none=")
	use(true)
	is("ODD=\xff=\n", "TOKEN=two", "none=")
	k.conn = k.connects(t)
	use(false, "TOKEN=four")
	is("ODD=\xff=\n", "TOKEN=two", "none=")
}

// TestAttemptIsOfOneLaunch: an attempt that begins while launches come has its
// configuration and its environment from the same one.
func TestAttemptIsOfOneLaunch(t *testing.T) {
	k := spareKeeper(t)
	k.env = k.env.With([]string{"LAUNCH=devbox"})
	stop := make(chan struct{}, 1)
	var launches sync.WaitGroup
	launches.Go(func() {
		for n := 0; len(stop) == 0; n++ {
			config := *k.config()
			config.Dest = fmt.Sprint(n)
			k.update(func() {
				service{k}.configureLocked(control.Attach{Config: &config, Session: true, Env: control.Environment([]string{"LAUNCH=" + config.Dest})})
			})
		}
	})
	for range 10000 {
		a := reconnecting{k}.newAttempt(new(pace.Backoff))
		if in := a.options.Env.Get("LAUNCH"); in != a.config.Dest {
			t.Errorf("the configuration of launch %s in the environment of launch %s", a.config.Dest, in)
			break
		}
	}
	stop <- struct{}{}
	launches.Wait()
}

// TestAttachEnvTooLong: a launch that has no room for it does without.
func TestAttachEnvTooLong(t *testing.T) {
	l := listenForTest(t)
	for clients, c := range []struct {
		token  string
		length int // of the configuration
		want   string
	}{{"one", 512 << 10, "one"}, {"two", 768 << 10, "one"}} {
		config := l.corrected(func(config *sshconfig.Config) { config.SetEnv = []string{"LONG=" + strings.Repeat("x", c.length)} })
		env := []string{"TOKEN=" + c.token}
		for i := range 7 {
			env = append(env, fmt.Sprintf("V%d=%s", i, strings.Repeat("x", 32<<10-10)))
		}
		l.attachWith(control.Attach{Config: config, Session: true, Env: control.Environment(env)})
		l.counted(clients + 1)
		if is := environOf(l.k).Get("TOKEN"); is != c.want || !slices.Equal(l.k.config().SetEnv, config.SetEnv) {
			t.Errorf("TOKEN is %s, want %s", is, c.want)
		}
	}
}
