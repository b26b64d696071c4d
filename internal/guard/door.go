package guard

import (
	"context"
	"slices"
	"sync"
	"time"
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
	mu    sync.Mutex
	taken int
	moved time.Time   // when a place was taken or left last
	queue []chan bool // the channels that wait; each hears once whether it has a place
	stall *time.Timer // runs while anybody waits
}

// Enter waits for a place and reports whether the channel has one. It has none
// if it was turned away or ctx ended. After true, call Leave.
func (d *Door) Enter(ctx context.Context) bool {
	turn := d.line()
	select {
	case ok := <-turn:
		return ok
	case <-ctx.Done():
	}
	d.mu.Lock()
	i := slices.Index(d.queue, turn)
	if i >= 0 {
		d.queue = slices.Delete(d.queue, i, i+1)
	}
	d.mu.Unlock()
	if i < 0 && <-turn {
		d.Leave()
	}
	return false
}

// line returns where the channel hears whether it has a place.
func (d *Door) line() chan bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	turn := make(chan bool, 1)
	switch {
	case d.taken < MaxChannels:
		d.taken++
		d.moved = time.Now()
		turn <- true
	case time.Since(d.moved) >= doorPatience:
		turn <- false
	default:
		d.queue = append(d.queue, turn)
		d.watchLocked()
	}
	return turn
}

// Leave gives a place back.
func (d *Door) Leave() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.moved = time.Now()
	if len(d.queue) == 0 {
		d.taken--
		return
	}
	d.queue[0] <- true
	d.queue = d.queue[1:]
}

// watchLocked turns the waiting channels away when nothing moves any more.
func (d *Door) watchLocked() {
	if d.stall == nil {
		d.stall = time.AfterFunc(time.Until(d.moved.Add(doorPatience)), d.look)
	}
}

func (d *Door) look() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stall = nil
	if time.Since(d.moved) >= doorPatience {
		for _, turn := range d.queue {
			turn <- false
		}
		d.queue = nil
	}
	if len(d.queue) > 0 {
		d.watchLocked()
	}
}
