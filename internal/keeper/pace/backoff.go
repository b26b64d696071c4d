// Package pace has how often the keeper tries to connect, and how long each
// attempt may take.
package pace

import (
	"math/rand/v2"
	"time"
)

// Eager is how long after a loss, a network event or a wake the keeper tries
// again every EagerInterval; then the interval grows up to LastInterval.
const (
	Eager         = 5 * time.Minute
	EagerInterval = 300 * time.Millisecond
	LastInterval  = 30 * time.Second

	firstInterval = 2 * time.Second // once Eager is over
)

// Backoff tells when the next attempt is to begin. A third of each interval is
// chance, so that many keepers do not knock at the same moment when a network
// returns.
type Backoff struct {
	began    time.Time     // of the outage, or the last event
	interval time.Duration // once Eager is over
}

// Restart makes the next attempts eager again.
func (b *Backoff) Restart(now time.Time) { *b = Backoff{began: now} }

// Next returns the time from the start of one attempt to that of the next.
func (b *Backoff) Next(now time.Time) time.Duration {
	if b.began.IsZero() {
		b.began = now
	}
	if now.Sub(b.began) < Eager {
		return jitter(EagerInterval)
	}
	b.interval = min(max(b.interval*3/2, firstInterval), LastInterval)
	return jitter(b.interval)
}

// Again is after how long an attempt sends another SYN, since a dead network
// has lost the one before: zero, which leaves that to the kernel, once eager is
// over.
func (b *Backoff) Again() time.Duration {
	if b.interval > 0 {
		return 0
	}
	return jitter(EagerInterval)
}

// jitter returns d less up to a third of it.
func jitter(d time.Duration) time.Duration { return d - rand.N(d/3) }
