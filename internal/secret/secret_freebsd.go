package secret

import (
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// From sys/wait.h and sys/procctl.h.
const (
	idPID        = 0
	traceCtl     = 7
	traceEnable  = 1
	traceDisable = 2 // up to the next exec
)

// hide makes the kernel refuse other processes of the same user (procctl(2),
// PROC_TRACE_CTL).
func hide(on bool) {
	how := int32(traceEnable)
	if on {
		how = traceDisable
	}
	_, _, _ = unix.Syscall6(unix.SYS_PROCCTL, idPID, uintptr(os.Getpid()), traceCtl, uintptr(unsafe.Pointer(&how)), 0, 0)
}

// Started does nothing here.
func Started(*os.Process) {}
