package keeper

import (
	"runtime/debug"
)

// gcPercent keeps the heap small rather than the processor idle: an idle
// keeper allocates next to nothing, and connecting a few hundred KiB.
const gcPercent = 20

// trim gives back the memory that connecting and serving took. It is called
// when the keeper has been idle for a while.
func trim() {
	debug.FreeOSMemory()
	dropProgramPages()
}
