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

	// A SYN into a dead network is sent again by the kernel after 1, 3 and 7
	// seconds only, so most attempts are given up before: after three round
	// trips, but not before shortConnect, or after unknownConnect where the
	// round trip time is not known. Every patientAttempt-th one waits longer,
	// for a network that became slow.
	shortConnect   = 300 * time.Millisecond
	unknownConnect = 600 * time.Millisecond
	longConnect    = 3 * time.Second
	patientAttempt = 4
)

// backoff says when the next attempt is to begin and how long it may take to
// connect. A third of each interval is chance, so that many keepers do not
// knock at the same moment when a network returns.
type backoff struct {
	began    time.Time // of the outage, or the last event
	attempts int
	interval time.Duration // once eager is over
}

// restart makes the next attempts eager again.
func (b *backoff) restart(now time.Time) { *b = backoff{began: now, attempts: b.attempts} }

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

// connectLimit is how long the next attempt may take until the server has
// answered its SYN, where an answer usually takes roundTrip (0: unknown).
func (b *backoff) connectLimit(roundTrip time.Duration) time.Duration {
	b.attempts++
	if b.attempts%patientAttempt == 0 {
		return max(longConnect, 5*roundTrip)
	}
	if roundTrip == 0 {
		return unknownConnect
	}
	return max(shortConnect, 3*roundTrip)
}

// jitter returns d less up to a third of it.
func jitter(d time.Duration) time.Duration { return d - rand.N(d/3) }
