//go:build darwin || freebsd || openbsd

package netevent

import (
	"maps"
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
	causes := map[byte]cause{
		unix.RTM_IFINFO:  link,
		unix.RTM_NEWADDR: address,
		unix.RTM_DELADDR: address,
		unix.RTM_ADD:     route,
		unix.RTM_DELETE:  route,
		unix.RTM_CHANGE:  route,
	}
	maps.Copy(causes, ownCauses)
	return newSocket(fd, "route", &routing{
		version: unix.RTM_VERSION,
		causes:  causes,
		flags:   int(unsafe.Offsetof(unix.RtMsghdr{}.Flags)),
		cached:  cached,
	}), nil
}

// socketNonblock takes several steps, since macOS cannot do this in one. No
// child may be forked in between and inherit the socket.
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
