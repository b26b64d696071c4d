package pace

import (
	"testing"
	"time"
)

// TestBackoff: eager for five minutes, then growing to thirty seconds, anew
// after an event.
func TestBackoff(t *testing.T) {
	now := time.Now()
	var b Backoff
	for passed := time.Duration(0); passed < Eager; {
		d := b.Next(now.Add(passed))
		if d > 2*time.Second || d < EagerInterval/2 {
			t.Fatalf("%v after %v", d, passed)
		}
		passed += d
	}
	at, last := now.Add(Eager), time.Duration(0)
	for range 20 {
		d := b.Next(at)
		if d > LastInterval || d < firstInterval/2 {
			t.Fatalf("%v after %v", d, at.Sub(now))
		}
		last, at = d, at.Add(d)
	}
	if last < LastInterval/2 {
		t.Errorf("at last every %v", last)
	}
	b.Restart(at)
	if d := b.Next(at); d > EagerInterval {
		t.Errorf("%v after an event", d)
	}
}

// TestBackoffIsSpread: many keepers do not knock at the same moment.
func TestBackoffIsSpread(t *testing.T) {
	seen := map[time.Duration]bool{}
	for range 100 {
		var b Backoff
		seen[b.Next(time.Now()).Truncate(time.Millisecond)] = true
	}
	if len(seen) < 20 {
		t.Errorf("100 first delays have %d values", len(seen))
	}
}

// TestAgain: SYNs follow one another as fast as attempts do, while those are
// eager.
func TestAgain(t *testing.T) {
	now := time.Now()
	var b Backoff
	for _, passed := range []time.Duration{0, Eager / 2} {
		if d := b.Again(); d > EagerInterval || d < EagerInterval/2 {
			t.Errorf("%v after %v", d, passed)
		}
		b.Next(now.Add(passed))
	}
	b.Next(now.Add(Eager))
	if d := b.Again(); d != 0 {
		t.Errorf("%v when attempts are rare", d)
	}
	b.Restart(now.Add(Eager))
	if d := b.Again(); d == 0 {
		t.Error("none after an event")
	}
}
