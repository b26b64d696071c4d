package memory

import (
	"context"
	"runtime/debug"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestRest: memory is given back once nobody uses the keeper, and not again
// before somebody does.
func TestRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		uses := NewUses()
		var trims atomic.Int32
		ctx, cancel := context.WithCancel(t.Context())
		go uses.Rest(ctx, func() { trims.Add(1) })
		check := func(want int32) {
			t.Helper()
			synctest.Wait()
			if got := trims.Load(); got != want {
				t.Errorf("memory was given back %d times, want %d", got, want)
			}
		}
		time.Sleep(restPeriod)
		check(0)
		for range 10 {
			uses.Note()
			time.Sleep(restPeriod / 2)
		}
		check(0)
		time.Sleep(restPeriod)
		check(1)
		time.Sleep(100 * restPeriod)
		check(1)
		cancel()
	})
}

// TestWork: the heap may grow while a keeper works, and no longer after that.
func TestWork(t *testing.T) {
	before := debug.SetGCPercent(GCPercent)
	defer debug.SetGCPercent(before)
	for range 2 {
		Work()
	}
	if percent := debug.SetGCPercent(workGCPercent); percent != workGCPercent {
		t.Errorf("at work: %d", percent)
	}
	Trim()
	if percent := debug.SetGCPercent(GCPercent); percent != GCPercent {
		t.Errorf("at rest: %d", percent)
	}
}
