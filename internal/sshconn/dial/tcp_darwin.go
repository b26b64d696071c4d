package dial

import (
	"cmp"
	"syscall"

	"golang.org/x/sys/unix"
)

// acknowledge does nothing: only Linux can be asked to.
func acknowledge(syscall.RawConn) {}

// unconfirmed returns how many bytes of a TCP connection wait to be sent or to
// be acknowledged (SO_NWRITE, sys/socket.h).
func unconfirmed(c syscall.RawConn) (left int, err error) {
	failed := c.Control(func(fd uintptr) { left, err = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_NWRITE) })
	return left, cmp.Or(failed, err)
}
