//go:build !linux

package sshconn

import "syscall"

// acknowledge does nothing: only Linux can be asked to.
func acknowledge(syscall.RawConn) {}
