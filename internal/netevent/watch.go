package netevent

import (
	"context"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

// spacing is the least time between two events.
const spacing = 250 * time.Millisecond

// Event is what has happened since the last one; at least one of its fields is
// true.
type Event struct {
	// Network: an address, a link, a route or a routing rule changed.
	Network bool
	// Wake: the machine slept, the process was stopped, or the clock was put
	// forward, so that connections may have died and timers are late.
	Wake bool
}

func (e Event) and(other Event) Event {
	return Event{Network: e.Network || other.Network, Wake: e.Wake || other.Wake}
}

// Watch reports events from now on until ctx ends. Then it closes the channel,
// when nothing of it is left running or open. The first event comes at once,
// further ones at most every 250 ms, each with all that happened in the
// meantime. So the last change is always reported and no storm piles up,
// whether or not somebody receives. On Linux the network is that of the calling
// thread's namespace.
//
// Watch logs once what it cannot watch, and watches the rest.
func Watch(ctx context.Context, log zerolog.Logger) <-chan Event {
	changes, out := make(chan Event), make(chan Event)
	report := func(e Event) {
		select {
		case changes <- e:
		case <-ctx.Done():
		}
	}
	var sources sync.WaitGroup
	closeNetwork := watchNetwork(&sources, log, func() { report(Event{Network: true}) })
	closeClock := watchClocks(ctx, &sources, log, func() { report(Event{Wake: true}) })
	go func() {
		defer close(out)
		space(ctx, changes, out)
		closeNetwork()
		closeClock()
		sources.Wait()
	}()
	return out
}

// space passes events on until ctx ends, at least spacing apart, and merges
// those that cannot be passed on yet.
//
//	         change                    taken
//	quiet ----------> to be taken <------------> spaced
//	  ^                    ^       spacing over,    |
//	  |                    +----- with a change ----+
//	  +---------------- spacing over ---------------+
func space(ctx context.Context, changes <-chan Event, out chan<- Event) {
	var merged Event
	var spaced <-chan time.Time
	for {
		take := out
		if merged == (Event{}) || spaced != nil {
			take = nil
		}
		select {
		case e := <-changes:
			merged = merged.and(e)
		case take <- merged:
			merged, spaced = Event{}, time.After(spacing)
		case <-spaced:
			spaced = nil
		case <-ctx.Done():
			return
		}
	}
}
