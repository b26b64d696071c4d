package dial

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// unconfirmed returns how many bytes of a TCP connection wait to be sent or to
// be acknowledged (SO_NWRITE, sys/socket.h).
func unconfirmed(c syscall.RawConn) (left int, err error) {
	failed := c.Control(func(fd uintptr) { left, err = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_NWRITE) })
	if failed != nil {
		err = failed
	}
	return left, err
}
