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

func TestSilence(t *testing.T) {
	const limit = 3 * time.Second
	for _, test := range []struct {
		name    string
		limit   time.Duration
		steps   func(s *silence)
		expires bool
	}{
		{"a silent server", limit, func(s *silence) { s.begin(); time.Sleep(limit) }, true},
		{"just in time", limit, func(s *silence) { s.begin(); time.Sleep(limit - 1) }, false},
		{"not begun", limit, func(s *silence) { s.restart(); s.wake(); time.Sleep(time.Hour) }, false},
		{"no limit", 0, func(s *silence) { s.begin(); s.restart(); time.Sleep(time.Hour) }, false},
		{"a slow server that talks", limit, func(s *silence) {
			s.begin()
			for range 100 {
				time.Sleep(limit - 1)
				s.restart()
			}
		}, false},
		{"beginning again is nothing", limit, func(s *silence) { s.begin(); time.Sleep(limit - 1); s.begin(); time.Sleep(time.Nanosecond) }, true},
		{"a slow person", limit, func(s *silence) { s.begin(); s.rest(); time.Sleep(time.Hour) }, false},
		{"talk meanwhile", limit, func(s *silence) { s.begin(); s.rest(); s.restart(); s.begin(); time.Sleep(time.Hour) }, false},
		{"silence after the person", limit, func(s *silence) { s.begin(); s.rest(); time.Sleep(time.Hour); s.wake(); time.Sleep(limit) }, true},
		{"the whole time after the person", limit, func(s *silence) {
			s.begin()
			time.Sleep(limit - 1)
			s.rest()
			s.wake()
			time.Sleep(limit - 1)
		}, false},
		{"over", limit, func(s *silence) {
			s.begin()
			s.end()
			s.restart()
			s.wake()
			s.begin()
			time.Sleep(time.Hour)
		}, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			var closed atomic.Int32
			s := newSilence(test.limit, func() { closed.Add(1) })
			test.steps(s)
			synctest.Wait()
			told, expired := s.watch.expiredAfter()
			if expired != test.expires || (closed.Load() == 1) != test.expires || expired && told != limit {
				t.Errorf("%s: expired %v after %v, closed %d times", test.name, expired, told, closed.Load())
			}
			s.end()
		})
	}
}
