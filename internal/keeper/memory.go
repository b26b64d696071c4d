package keeper

import (
	"context"
	"runtime/debug"
	"time"
)

// gcPercent keeps the heap small rather than the processor idle: an idle
// keeper allocates next to nothing, and connecting a few hundred KiB.
const gcPercent = 20

// restPeriod is how long nobody has to use the keeper for it to give memory
// back.
const restPeriod = 5 * time.Second

// memory has what connecting and serving took given back to the system.
type memory struct {
	uses chan struct{} // one slot; somebody uses the keeper
}

// touch notes that somebody uses the keeper, which takes memory.
func (m memory) touch() { wakeUp(m.uses) }

// rest calls giveBack each time that nobody has used the keeper for a while,
// whether there is a connection or not. In between it sleeps.
func (m memory) rest(ctx context.Context, giveBack func()) {
	timer := time.NewTimer(0)
	<-timer.C
	for {
		select {
		case <-m.uses:
			timer.Reset(restPeriod)
		case <-timer.C:
			giveBack()
		case <-ctx.Done():
			return
		}
	}
}

// trim gives unused memory back to the system. It is slow.
func trim() {
	debug.FreeOSMemory()
	dropProgramPages()
}

// wakeUp fills a slot, unless it is full already.
func wakeUp(slot chan<- struct{}) {
	select {
	case slot <- struct{}{}:
	default:
	}
}
