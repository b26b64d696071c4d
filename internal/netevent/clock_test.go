package netevent

import (
	"context"
	"os"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"
)

func TestGap(t *testing.T) {
	const every = 10 * time.Second
	for _, test := range []struct {
		name       string
		wall, mono time.Duration // that went by on the clocks
		found      bool
	}{
		{"on time", every, every, false},
		{"early", time.Millisecond, time.Millisecond, false},
		{"a little late", every + slack, every + slack, false},
		{"the process was stopped", every + slack + 1, every + slack + 1, true},
		{"slept for a night, the monotonic clock stood still", 8 * time.Hour, every, true},
		{"slept for a night, the monotonic clock went on", 8 * time.Hour, 8 * time.Hour, true},
		{"slept for 3 s, told of at once", 3 * time.Second, 0, true},
		{"put forward by little", every + slack, every, false},
		{"put forward by much", every + slack + 1, every, true},
		{"put back by little", every - time.Second, every, false},
		{"put back by much", -365 * 24 * time.Hour, every, false},
		{"put back while stopped", -8 * time.Hour, 8 * time.Hour, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			start := reading{wall: time.Unix(1_000_000_000, 0), mono: time.Hour}
			g := gap{every: every, last: start}
			now := reading{wall: start.wall.Add(test.wall), mono: start.mono + test.mono}
			if g.found(now) != test.found {
				t.Errorf("found: %v, want %v", !test.found, test.found)
			}
			if g.found(now) {
				t.Error("found again")
			}
		})
	}
}

func TestClocksAreRead(t *testing.T) {
	read := clocks()
	before := time.Now().Round(0)
	a := read()
	b := read()
	if a.wall.Before(before) || b.wall.Before(a.wall) || b.mono < a.mono || a.mono < 0 || a.mono > time.Minute {
		t.Errorf("from %v, read %+v, then %+v", before, a, b)
	}
	if a.wall != a.wall.Round(0) {
		t.Error("the wall clock's reading has a monotonic one")
	}
}

// world keeps a vigil over clocks that can jump.
type world struct {
	wall, mono atomic.Int64 // ahead of the bubble's clock by
	set        chan struct{}
	continued  chan os.Signal
	woke       chan time.Time
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{set: make(chan struct{}), continued: make(chan os.Signal), woke: make(chan time.Time, 100)}
	start := time.Now()
	v := vigil{
		read: func() reading {
			went := time.Since(start)
			return reading{
				wall: start.Round(0).Add(went + time.Duration(w.wall.Load())),
				mono: went + time.Duration(w.mono.Load()),
			}
		},
		every: lookSeldom, set: w.set, continued: w.continued,
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		v.keep(ctx, func() { w.woke <- time.Now() })
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	return w
}

func TestVigil(t *testing.T) {
	for _, test := range []struct {
		name   string
		happen func(w *world)
		within time.Duration // there is a wake; -1 if there is none
	}{
		{"nothing", func(*world) {}, -1},
		{"sleep, told of", func(w *world) { w.wall.Add(int64(time.Hour)); w.set <- struct{}{} }, 0},
		{"sleep, not told of", func(w *world) { w.wall.Add(int64(time.Hour)) }, lookSeldom},
		{"freeze", func(w *world) { w.wall.Add(int64(time.Hour)); w.mono.Add(int64(time.Hour)) }, lookSeldom},
		{"stop", func(w *world) { w.continued <- unix.SIGCONT }, 0},
		{"clock put back", func(w *world) { w.wall.Add(-int64(time.Hour)); w.set <- struct{}{} }, -1},
		{"clock put right", func(w *world) { w.wall.Add(int64(time.Second)); w.set <- struct{}{} }, -1},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				time.Sleep(time.Hour + time.Second)
				began := time.Now()
				test.happen(w)
				time.Sleep(time.Hour)
				switch n := len(w.woke); {
				case test.within < 0 && n > 0:
					t.Errorf("woke %d times", n)
				case test.within >= 0 && n != 1:
					t.Errorf("woke %d times, want once", n)
				case test.within >= 0:
					if took := (<-w.woke).Sub(began); took < 0 || took > test.within {
						t.Errorf("woke after %v, want at most %v", took, test.within)
					}
				}
			})
		})
	}
}
