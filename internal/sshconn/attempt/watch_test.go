package attempt

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var closed atomic.Int32
		w := newWatch(func() { closed.Add(1) })
		w.start(5*time.Second, 10*time.Second)
		time.Sleep(4 * time.Second)
		w.stop() // a person is asked
		time.Sleep(time.Hour)
		if _, expired := w.expiredAfter(); expired || closed.Load() != 0 {
			t.Error("expired while it stood still")
		}
		w.start(time.Minute, time.Minute)
		w.start(2*time.Minute, 2*time.Minute)
		time.Sleep(2*time.Minute - time.Second)
		synctest.Wait()
		if closed.Load() != 0 {
			t.Error("a timer that was replaced has fired")
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if limit, expired := w.expiredAfter(); !expired || limit != 2*time.Minute || closed.Load() != 1 {
			t.Errorf("limit %v, expired %v, closed %d times", limit, expired, closed.Load())
		}
	})
}
