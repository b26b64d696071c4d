package netevent

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

var (
	network = Event{Network: true}
	wake    = Event{Wake: true}
)

// spaced starts space in a synctest bubble.
func spaced(t *testing.T) (changes chan<- Event, out <-chan Event) {
	t.Helper()
	c, o := make(chan Event), make(chan Event)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		space(ctx, c, o)
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	return c, o
}

func TestFirstEventComesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		changes, out := spaced(t)
		for range 3 {
			time.Sleep(spacing)
			began := time.Now()
			changes <- network
			if e := <-out; e != network || time.Since(began) != 0 {
				t.Errorf("got %+v after %v", e, time.Since(began))
			}
		}
	})
}

func TestStormIsSpaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		changes, out := spaced(t)
		var last atomic.Int64
		began := time.Now()
		go func() {
			for range 1000 {
				changes <- network
				last.Store(int64(time.Since(began)))
				time.Sleep(10 * time.Millisecond)
			}
		}()
		var at []time.Duration
		for idle := false; !idle; {
			select {
			case <-out:
				at = append(at, time.Since(began))
			case <-time.After(time.Minute):
				idle = true
			}
		}
		if at[0] != 0 {
			t.Errorf("first event after %v", at[0])
		}
		for i := range at[1:] {
			if d := at[i+1] - at[i]; d < spacing || d > spacing+10*time.Millisecond {
				t.Errorf("events %v apart", d)
			}
		}
		if end := time.Duration(last.Load()); at[len(at)-1] < end {
			t.Errorf("last change at %v, last event at %v", end, at[len(at)-1])
		}
	})
}

func TestChangesThatNobodyReceivesAreMerged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		changes, out := spaced(t)
		for range 1000 {
			changes <- network
			time.Sleep(time.Second)
		}
		changes <- wake
		if e := <-out; e != (Event{Network: true, Wake: true}) {
			t.Errorf("got %+v", e)
		}
		select {
		case e := <-out:
			t.Errorf("then %+v", e)
		case <-time.After(time.Hour):
		}
	})
}
