package secret

import (
	"os"

	"golang.org/x/sys/unix"
)

// hide makes the kernel refuse other processes of the same user (prctl(2),
// PR_SET_DUMPABLE). A program that this one execs begins without that.
func hide(on bool) {
	dumpable := uintptr(1)
	if on {
		dumpable = 0
	}
	_ = unix.Prctl(unix.PR_SET_DUMPABLE, dumpable, 0, 0, 0)
}

// Started gives a process that was started during a Hold its user's limit of
// core files back: it has inherited the limit of the Hold.
func Started(p *os.Process) {
	mu.Lock()
	defer mu.Unlock()
	if p == nil || held == 0 {
		return
	}
	core := before
	_ = unix.Prlimit(p.Pid, unix.RLIMIT_CORE, &core, nil)
}
