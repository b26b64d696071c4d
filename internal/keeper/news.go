package keeper

import (
	"context"
	"sync"
	"time"
)

// news has a lock, and lets goroutines wait for a change of what that guards.
type news struct {
	mu     sync.Mutex
	change chan struct{} // closed and replaced with every change
}

// update changes what the lock guards and tells everybody who waits.
func (n *news) update(what func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	what()
	close(n.change)
	n.change = make(chan struct{})
}

// until waits until cond, which is called with the lock held, is true. It
// returns false when ctx or the time limit, if there is one, ends the wait.
func (n *news) until(ctx context.Context, limit time.Duration, cond func() bool) bool {
	var expired <-chan time.Time
	if limit > 0 {
		timer := time.NewTimer(limit)
		defer timer.Stop()
		expired = timer.C
	}
	for {
		n.mu.Lock()
		met, change := cond(), n.change
		n.mu.Unlock()
		if met {
			return true
		}
		select {
		case <-change:
		case <-expired:
			return false
		case <-ctx.Done():
			return false
		}
	}
}
