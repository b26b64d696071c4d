package child

import (
	"os/exec"
	"syscall"
	"time"
)

// Grace is how long a child may take to end after SIGTERM, and what it left
// behind may hold its output.
const Grace = 500 * time.Millisecond

// EndGroup ends a child that leads a process group, with what it started, and
// returns when it is reaped, which closes ended.
func EndGroup(cmd *exec.Cmd, ended <-chan struct{}) {
	signalGroup(cmd, ended, syscall.SIGTERM)
	grace := time.NewTimer(Grace)
	defer grace.Stop()
	select {
	case <-ended:
	case <-grace.C:
		signalGroup(cmd, ended, syscall.SIGKILL)
		<-ended
	}
}

// signalGroup signals the child's group while the child is there; afterwards
// the number may be another group's.
func signalGroup(cmd *exec.Cmd, ended <-chan struct{}, s syscall.Signal) {
	select {
	case <-ended:
	default:
		_ = syscall.Kill(-cmd.Process.Pid, s)
	}
}
