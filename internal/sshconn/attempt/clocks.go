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

// silence aborts an attempt whose server says nothing for too long when it is its
// turn: since the server last spoke, since we wrote, or since a person or the
// agent was done.
//
//	idle --begin--> running --rest--> resting
//	                   ^                 |
//	                   '------wake-------'
//	any of them --end--> ended
//
// The clock runs in one state. Its longest run is the server's slowest answer.
type silence struct {
	limit time.Duration // 0: none
	watch *watch

	mu      sync.Mutex
	state   silenceState
	since   time.Time // when it began to run
	longest time.Duration
}

type silenceState int

const (
	silenceIdle silenceState = iota
	silenceRunning
	silenceResting
	silenceEnded
)

func newSilence(limit time.Duration, close func()) *silence {
	return &silence{limit: limit, watch: newWatch(close)}
}

// begin starts the clock for the first time.
func (s *silence) begin() { s.move(silenceIdle, silenceRunning) }

// restart gives the server its whole time again, if it is its turn.
func (s *silence) restart() { s.move(silenceRunning, silenceRunning) }

// rest stops the clock while the attempt waits for somebody else.
func (s *silence) rest() { s.move(silenceRunning, silenceResting) }

// wake ends rest.
func (s *silence) wake() { s.move(silenceResting, silenceRunning) }

// end stops the clock for good.
func (s *silence) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.measure()
	s.state = silenceEnded
	s.watch.stop()
}

// measure notes for how long the clock has run. s.mu is held.
func (s *silence) measure() {
	if s.state == silenceRunning {
		s.longest = max(s.longest, time.Since(s.since))
	}
}

// slowest returns the server's longest silence, once the clock has ended.
func (s *silence) slowest() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.longest
}

// move goes from one state to another, and does nothing in any other state.
func (s *silence) move(from, to silenceState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state != from {
		return
	}
	s.measure()
	s.state, s.since = to, time.Now()
	switch {
	case to != silenceRunning:
		s.watch.stop()
	case s.limit > 0:
		s.watch.start(s.limit, s.limit)
	}
}
