package attempt

import (
	"sync"
	"time"
)

// watch aborts an attempt whose other side takes too long, and knows the limit
// that it exceeded. It stands still while a person is asked.
type watch struct {
	close func()

	mu      sync.Mutex
	timer   *time.Timer
	started int // counts timers
	limit   time.Duration
	expired bool
}

func newWatch(close func()) *watch { return &watch{close: close} }

// start has close called after left. limit is for the error then.
func (w *watch) start(left, limit time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stopLocked()
	w.limit = limit
	number := w.started
	w.timer = time.AfterFunc(left, func() { w.expire(number) })
}

func (w *watch) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stopLocked()
}

func (w *watch) stopLocked() {
	w.started++
	if w.timer != nil {
		w.timer.Stop()
	}
}

// expire is for the timer of that number. One that was stopped while it fired
// does nothing.
func (w *watch) expire(number int) {
	w.mu.Lock()
	if w.started != number {
		w.mu.Unlock()
		return
	}
	w.expired = true
	w.mu.Unlock()
	w.close()
}

// expiredAfter returns the limit that was exceeded.
func (w *watch) expiredAfter() (time.Duration, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.limit, w.expired
}
