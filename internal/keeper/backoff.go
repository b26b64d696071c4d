package keeper

import (
	"math/rand/v2"
	"time"
)

const (
	// eager is how long after a loss, a network event or a wake the keeper
	// tries again every eagerInterval; then the interval grows from
	// firstInterval to lastInterval.
	eager         = 5 * time.Minute
	eagerInterval = 300 * time.Millisecond
	firstInterval = 2 * time.Second
	lastInterval  = 30 * time.Second
)

// backoff says when the next attempt is to begin. A third of each interval is
// chance, so that many keepers do not knock at the same moment when a network
// returns.
type backoff struct {
	began    time.Time     // of the outage, or the last event
	interval time.Duration // once eager is over
}

// restart makes the next attempts eager again.
func (b *backoff) restart(now time.Time) { *b = backoff{began: now} }

// next returns the time from the start of one attempt to that of the next.
func (b *backoff) next(now time.Time) time.Duration {
	if b.began.IsZero() {
		b.began = now
	}
	if now.Sub(b.began) < eager {
		return jitter(eagerInterval)
	}
	b.interval = min(max(b.interval*3/2, firstInterval), lastInterval)
	return jitter(b.interval)
}

// again is after how long an attempt sends another SYN, since a dead network
// has lost the one before: zero, which leaves that to the kernel, once eager is
// over.
func (b *backoff) again() time.Duration {
	if b.interval > 0 {
		return 0
	}
	return jitter(eagerInterval)
}

// jitter returns d less up to a third of it.
func jitter(d time.Duration) time.Duration { return d - rand.N(d/3) }
