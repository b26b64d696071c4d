//go:build !linux

package dial

import "syscall"

// acknowledge does nothing: only Linux can be asked to.
func acknowledge(syscall.RawConn) {}
