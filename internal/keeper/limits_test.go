package keeper

import (
	"testing"
	"time"

	"github.com/mosha-ssh/mosha/internal/sshconn"
)

// TestLearnedLimits: what is slow gets the time that it needs, and nothing more
// than a minute.
func TestLearnedLimits(t *testing.T) {
	for name, test := range map[string]struct {
		learned   learned
		roundTrip time.Duration
		want      sshconn.Limits
	}{
		"nothing is known": {want: sshconn.Limits{Lookup: lookupLimit, Connect: connectLimit, Silence: silenceLimit}},
		"all was quick":    {learned{silent: time.Millisecond, proxied: time.Millisecond}, 0, sshconn.Limits{Lookup: lookupLimit, Connect: connectLimit, Silence: silenceLimit, Proxy: minProxyLimit}},
		"all was slow":     {learned{connect: 5 * time.Second, silent: 6 * time.Second, proxied: 11 * time.Second}, 0, sshconn.Limits{Lookup: lookupLimit, Connect: 10 * time.Second, Silence: 12 * time.Second, Proxy: 22 * time.Second}},
		"too slow":         {learned{connect: time.Hour, silent: time.Hour, proxied: time.Hour}, 0, sshconn.Limits{Lookup: lookupLimit, Connect: maxConnectLimit, Silence: maxSilence, Proxy: maxProxyLimit}},
		"a long way":       {learned{}, 4 * time.Second, sshconn.Limits{Lookup: lookupLimit, Connect: 20 * time.Second, Silence: 84 * time.Second}},
	} {
		if got := test.learned.limits(test.roundTrip); got != test.want {
			t.Errorf("%s: %+v, want %+v", name, got, test.want)
		}
	}
}

// TestLearnsFromFailure: a server that has become slow gets in after some
// attempts, whatever it is slow at, and then the limits are those of a quick one
// again.
func TestLearnsFromFailure(t *testing.T) {
	const needs = 25 * time.Second
	for phase, limit := range map[string]func(sshconn.Limits) time.Duration{
		sshconn.PhaseBanner: func(l sshconn.Limits) time.Duration { return l.Silence },
		sshconn.PhaseKex:    func(l sshconn.Limits) time.Duration { return l.Silence },
		sshconn.PhaseAuth:   func(l sshconn.Limits) time.Duration { return l.Silence },
		"proxy":             func(l sshconn.Limits) time.Duration { return l.Proxy },
	} {
		var l learned
		failed := phase
		if phase == "proxy" {
			l.proxied, failed = time.Second, sshconn.PhaseBanner
		}
		attempts := 0
		for limit(l.limits(0)) < needs {
			l.failed(&sshconn.TimeoutError{Phase: failed}, l.limits(0))
			if attempts++; attempts > 5 {
				t.Fatalf("%s: %+v after %d attempts", phase, l.limits(0), attempts)
			}
		}
		l.succeeded(sshconn.Facts{Silent: time.Millisecond, Proxied: l.proxied / 100})
		if got := limit(l.limits(0)); got > minProxyLimit {
			t.Errorf("%s: still %v", phase, got)
		}
	}
	var far learned
	far.failed(&sshconn.TimeoutError{Phase: sshconn.PhaseKex, Seconds: 10}, far.limits(0))
	if got := far.limits(0).Silence; got != 20*time.Second {
		t.Errorf("%v after 10 s up to the host key", got)
	}
	l := learned{silent: 6 * time.Second}
	before := l
	l.failed(&sshconn.TimeoutError{Phase: sshconn.PhaseAuth}, sshconn.Limits{}) // a person did not wait longer
	l.failed(&sshconn.AuthError{}, l.limits(0))
	if l != before {
		t.Errorf("%+v, want %+v", l, before)
	}
}
