//go:build darwin || freebsd || openbsd

package netevent

import (
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// openSocket returns a routing socket for all address families.
func openSocket() (*socket, error) {
	fd, err := socketNonblock()
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	return newSocket(fd, "route", &routing{
		version: unix.RTM_VERSION,
		causes:  causes,
		flags:   int(unsafe.Offsetof(unix.RtMsghdr{}.Flags)),
		cached:  cached,
	}), nil
}

// socketNonblock does in several steps what macOS cannot do in one; no child
// may be forked in between and inherit the socket.
func socketNonblock() (int, error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	fd, err := unix.Socket(unix.AF_ROUTE, unix.SOCK_RAW, unix.AF_UNSPEC)
	if err != nil {
		return -1, err
	}
	unix.CloseOnExec(fd)
	if err := unix.SetNonblock(fd, true); err != nil {
		_ = unix.Close(fd)
		return -1, err
	}
	return fd, nil
}
