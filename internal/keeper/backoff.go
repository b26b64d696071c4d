package keeper

import (
	"math/rand/v2"
	"time"
)

// The keeper waits between attempts to reconnect from firstDelay on, twice as
// long each time, up to lastDelay.
const (
	firstDelay = 250 * time.Millisecond
	lastDelay  = 2 * time.Second
)

// backoff gives the delays between attempts. Half of each is chance, so that
// many keepers do not knock at the same moment when a network returns.
type backoff struct{ failures int }

// next returns how long to wait after one more failure.
func (b *backoff) next() time.Duration {
	delay := lastDelay
	if b.failures < 3 {
		delay = firstDelay << b.failures
	}
	b.failures++
	return delay/2 + rand.N(delay/2)
}

// reset starts over, after a connection that held.
func (b *backoff) reset() { b.failures = 0 }
