// Package memory keeps an idle keeper small: the process lives for days, and
// most of the time it waits.
package memory

import (
	"context"
	"runtime/debug"
	"sync/atomic"
	"time"
)

// GCPercent keeps the heap small rather than the processor idle: an idle
// keeper allocates next to nothing, and connecting a few hundred KiB.
const GCPercent = 20

// workGCPercent is for a keeper that carries bytes for others: each packet is
// allocated, and with GCPercent a fifth of the time would go into collecting them.
const workGCPercent = 200

// working reports that workGCPercent holds.
var working atomic.Bool

// Work lets the heap grow until the next Trim.
func Work() {
	if !working.Swap(true) {
		debug.SetGCPercent(workGCPercent)
	}
}

// restPeriod is how long nobody has to use the keeper for it to give memory
// back.
const restPeriod = 5 * time.Second

// Uses tells when somebody uses the keeper, which takes memory.
type Uses chan struct{}

// NewUses returns one that nobody has noted a use in.
func NewUses() Uses { return make(Uses, 1) }

// Note notes a use.
func (u Uses) Note() {
	select {
	case u <- struct{}{}:
	default:
	}
}

// Rest calls giveBack each time that nobody has used the keeper for a while,
// whether there is a connection or not. In between it sleeps.
func (u Uses) Rest(ctx context.Context, giveBack func()) {
	timer := time.NewTimer(0)
	<-timer.C
	for {
		select {
		case <-u:
			timer.Reset(restPeriod)
		case <-timer.C:
			giveBack()
		case <-ctx.Done():
			return
		}
	}
}

// Trim gives unused memory back to the system. It is slow.
func Trim() {
	if working.Swap(false) {
		debug.SetGCPercent(GCPercent)
	}
	debug.FreeOSMemory()
	dropProgramPages()
}
