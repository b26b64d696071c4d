package dial

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// unconfirmed returns how many bytes of a TCP connection wait to be sent or to
// be acknowledged (tcp(7), SIOCOUTQ).
func unconfirmed(c syscall.RawConn) (left int, err error) {
	failed := c.Control(func(fd uintptr) { left, err = unix.IoctlGetInt(int(fd), unix.SIOCOUTQ) })
	if failed != nil {
		err = failed
	}
	return left, err
}
