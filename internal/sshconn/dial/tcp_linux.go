package dial

import (
	"cmp"
	"syscall"

	"golang.org/x/sys/unix"
)

// acknowledge sends a delayed acknowledgement now (TCP_QUICKACK, tcp(7)), which
// does not last. Failing, it costs time only.
func acknowledge(c syscall.RawConn) {
	_ = c.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_QUICKACK, 1)
	})
}

// unconfirmed returns how many bytes of a TCP connection wait to be sent or to
// be acknowledged (tcp(7), SIOCOUTQ).
func unconfirmed(c syscall.RawConn) (left int, err error) {
	failed := c.Control(func(fd uintptr) { left, err = unix.IoctlGetInt(int(fd), unix.SIOCOUTQ) })
	return left, cmp.Or(failed, err)
}
