package guard

import (
	"context"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"
)

const (
	// MaxChannels is how many agent channels of one connection are served at
	// once. Each takes a descriptor of the agent and at most some 700 KiB here.
	MaxChannels = 64

	// doorPatience is how long a channel waits for a place while nothing moves.
	// A request is served within a few round trips, so every channel of a burst
	// gets its turn. Channels that stay open do not hold others up.
	doorPatience = 5 * time.Second
)

// Door lets MaxChannels in, and the others in their order as places become
// free. It turns the waiting channels away when no place was taken or left for
// doorPatience: the channels that have the places keep them.
type Door struct {
	places *semaphore.Weighted
	moved  atomic.Pointer[time.Time] // when a place was taken or left last, or the door was made
}

// NewDoor returns a door through which nobody has come.
func NewDoor() *Door {
	d := &Door{places: semaphore.NewWeighted(MaxChannels)}
	d.move() // a channel may wait before the first that entered has called move
	return d
}

// Enter waits for a place and reports whether the channel has one. It has none
// if it was turned away or ctx ended. After true, call Leave.
func (d *Door) Enter(ctx context.Context) bool {
	if !d.places.TryAcquire(1) && !d.wait(ctx) {
		return false
	}
	d.move()
	return true
}

// wait waits for a place where all are taken.
func (d *Door) wait(ctx context.Context) bool {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		defer cancel()
		for left := d.patience(); left > 0; left = d.patience() {
			if !pause(ctx, left) {
				return
			}
		}
	}()
	return d.places.Acquire(ctx, 1) == nil
}

// patience is how much longer a channel waits if nothing moves.
func (d *Door) patience() time.Duration { return doorPatience - time.Since(*d.moved.Load()) }

// Leave gives a place back.
func (d *Door) Leave() {
	d.move()
	d.places.Release(1)
}

func (d *Door) move() {
	now := time.Now()
	d.moved.Store(&now)
}
