package keeper

import (
	"runtime/debug"
)

// gcPercent keeps the heap small rather than the processor idle: an idle
// keeper allocates next to nothing, and connecting a few hundred KiB.
const gcPercent = 20

// trim gives back the memory that connecting took. It is called when a
// connection has come up and all around it is done.
func trim() {
	debug.FreeOSMemory()
	dropProgramPages()
}
