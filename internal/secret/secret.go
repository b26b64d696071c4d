// Package secret keeps what a person typed in the memory of this process, as
// far as the system helps: out of a core file, and from another process of the
// same user that reads along (ptrace, /proc/PID/mem). Root can always read it.
package secret

import (
	"sync"

	"golang.org/x/sys/unix"
)

var (
	mu     sync.Mutex
	held   int
	sealed bool
	before unix.Rlimit // of core files, of the time before the first Hold
)

// Hold begins a time in which something secret is in memory. Until each Hold is
// released, nobody may trace the process, and it leaves no core file. Releasing
// twice does nothing. Where the system refuses, Hold does nothing.
func Hold() (release func()) {
	mu.Lock()
	defer mu.Unlock()
	if held++; held == 1 {
		limit(func(l *unix.Rlimit) { before, l.Cur = *l, 0 })
		hide(true)
	}
	return sync.OnceFunc(func() {
		mu.Lock()
		defer mu.Unlock()
		if held--; held == 0 {
			limit(func(l *unix.Rlimit) { l.Cur = min(before.Cur, l.Max) })
			hide(sealed)
		}
	})
}

// Seal lets nobody trace the process for as long as it lives: a library may
// keep copies of a secret that cannot be overwritten.
func Seal() {
	mu.Lock()
	defer mu.Unlock()
	sealed = true
	hide(true)
}

// limit changes the limit of this process's core files.
func limit(change func(*unix.Rlimit)) {
	var core unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_CORE, &core) != nil {
		return
	}
	change(&core)
	_ = unix.Setrlimit(unix.RLIMIT_CORE, &core)
}
