//go:build linux

package lab

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// openPTY returns both ends of a new pseudo-terminal. The master is read
// through the runtime's poller, so that closing it ends a Read.
func openPTY(cols, rows int) (master, slave *os.File, err error) {
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("open /dev/ptmx: %w", err)
	}
	slaveFD, err := unlockPTY(fd, cols, rows)
	if err != nil {
		unix.Close(fd)
		return nil, nil, err
	}
	return os.NewFile(uintptr(fd), "pty master"), os.NewFile(uintptr(slaveFD), "pty slave"), nil
}

func unlockPTY(fd, cols, rows int) (slaveFD int, err error) {
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		return -1, fmt.Errorf("unlock pty: %w", err)
	}
	if err := setSize(fd, cols, rows); err != nil {
		return -1, err
	}
	slaveFD, err = unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		return -1, fmt.Errorf("number of pty: %w", err)
	}
	name := fmt.Sprintf("/dev/pts/%d", slaveFD)
	if slaveFD, err = unix.Open(name, unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0); err != nil {
		return -1, fmt.Errorf("open %s: %w", name, err)
	}
	return slaveFD, nil
}

func setSize(fd, cols, rows int) error {
	size := &unix.Winsize{Col: uint16(cols), Row: uint16(rows)}
	if err := unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, size); err != nil {
		return fmt.Errorf("set size of pty: %w", err)
	}
	return nil
}
