package dial

import (
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
