//go:build darwin || freebsd || openbsd

package tty

import "golang.org/x/sys/unix"

// Requests of termios(4) for ioctl(2).
const (
	ioctlGetTermios      = unix.TIOCGETA
	ioctlSetTermios      = unix.TIOCSETAW
	ioctlSetTermiosFlush = unix.TIOCSETAF // drops what was typed ahead
)
