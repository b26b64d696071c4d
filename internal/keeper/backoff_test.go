package keeper

import (
	"testing"
	"time"
)

// TestBackoff: eager for five minutes, then growing to thirty seconds, anew
// after an event.
func TestBackoff(t *testing.T) {
	now := time.Now()
	var b backoff
	for passed := time.Duration(0); passed < eager; {
		d := b.next(now.Add(passed))
		if d > 2*time.Second || d < eagerInterval/2 {
			t.Fatalf("%v after %v", d, passed)
		}
		passed += d
	}
	at, last := now.Add(eager), time.Duration(0)
	for range 20 {
		d := b.next(at)
		if d > lastInterval || d < firstInterval/2 {
			t.Fatalf("%v after %v", d, at.Sub(now))
		}
		last, at = d, at.Add(d)
	}
	if last < lastInterval/2 {
		t.Errorf("at last every %v", last)
	}
	b.restart(at)
	if d := b.next(at); d > eagerInterval {
		t.Errorf("%v after an event", d)
	}
}

// TestBackoffIsSpread: many keepers do not knock at the same moment.
func TestBackoffIsSpread(t *testing.T) {
	seen := map[time.Duration]bool{}
	for range 100 {
		var b backoff
		seen[b.next(time.Now()).Truncate(time.Millisecond)] = true
	}
	if len(seen) < 20 {
		t.Errorf("100 first delays have %d values", len(seen))
	}
}

// TestAgain: SYNs follow one another as fast as attempts do, while those are
// eager.
func TestAgain(t *testing.T) {
	now := time.Now()
	var b backoff
	for _, passed := range []time.Duration{0, eager / 2} {
		if d := b.again(); d > eagerInterval || d < eagerInterval/2 {
			t.Errorf("%v after %v", d, passed)
		}
		b.next(now.Add(passed))
	}
	b.next(now.Add(eager))
	if d := b.again(); d != 0 {
		t.Errorf("%v when attempts are rare", d)
	}
	b.restart(now.Add(eager))
	if d := b.again(); d == 0 {
		t.Error("none after an event")
	}
}
