package sshconn

import (
	"os/exec"
	"syscall"
	"time"
)

// endGroup ends a child that leads a process group, with what it started, and
// returns when it is reaped, which closes ended.
func endGroup(cmd *exec.Cmd, ended <-chan struct{}) {
	signalGroup(cmd, ended, syscall.SIGTERM)
	grace := time.NewTimer(proxyGrace)
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
