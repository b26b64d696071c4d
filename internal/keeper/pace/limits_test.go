package pace

import (
	"testing"
	"time"

	"github.com/mosha-ssh/mosha/internal/sshconn"
)

// TestLearnedLimits: what is slow gets the time that it needs, and nothing more
// than a minute.
func TestLearnedLimits(t *testing.T) {
	for name, test := range map[string]struct {
		learned   Learned
		roundTrip time.Duration
		want      sshconn.Limits
	}{
		"nothing is known": {want: sshconn.Limits{Lookup: lookupLimit, Connect: connectLimit, Silence: silenceLimit}},
		"all was quick":    {Learned{Silent: time.Millisecond, Proxied: time.Millisecond}, 0, sshconn.Limits{Lookup: lookupLimit, Connect: connectLimit, Silence: silenceLimit, Proxy: minProxyLimit}},
		"all was slow":     {Learned{Connect: 5 * time.Second, Silent: 6 * time.Second, Proxied: 11 * time.Second}, 0, sshconn.Limits{Lookup: lookupLimit, Connect: 10 * time.Second, Silence: 12 * time.Second, Proxy: 22 * time.Second}},
		"too slow":         {Learned{Connect: time.Hour, Silent: time.Hour, Proxied: time.Hour}, 0, sshconn.Limits{Lookup: lookupLimit, Connect: maxConnectLimit, Silence: maxSilence, Proxy: maxProxyLimit}},
		"a long way":       {Learned{}, 4 * time.Second, sshconn.Limits{Lookup: lookupLimit, Connect: 20 * time.Second, Silence: 84 * time.Second}},
	} {
		if got := test.learned.Limits(test.roundTrip); got != test.want {
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
		var l Learned
		failed := phase
		if phase == "proxy" {
			l.Proxied, failed = time.Second, sshconn.PhaseBanner
		}
		attempts := 0
		for limit(l.Limits(0)) < needs {
			l.Failed(&sshconn.TimeoutError{Phase: failed}, l.Limits(0))
			if attempts++; attempts > 5 {
				t.Fatalf("%s: %+v after %d attempts", phase, l.Limits(0), attempts)
			}
		}
		l.Succeeded(sshconn.Facts{Silent: time.Millisecond, Proxied: l.Proxied / 100})
		if got := limit(l.Limits(0)); got > minProxyLimit {
			t.Errorf("%s: still %v", phase, got)
		}
	}
	var far Learned
	far.Failed(&sshconn.TimeoutError{Phase: sshconn.PhaseKex, Seconds: 10}, far.Limits(0))
	if got := far.Limits(0).Silence; got != 20*time.Second {
		t.Errorf("%v after 10 s up to the host key", got)
	}
	l := Learned{Silent: 6 * time.Second}
	before := l
	l.Failed(&sshconn.TimeoutError{Phase: sshconn.PhaseAuth}, sshconn.Limits{}) // a person did not wait longer
	l.Failed(&sshconn.AuthError{}, l.Limits(0))
	if l != before {
		t.Errorf("%+v, want %+v", l, before)
	}
}
