package tty

import "golang.org/x/sys/unix"

// Requests of termios(3) for ioctl(2).
const (
	ioctlGetTermios      = unix.TCGETS
	ioctlSetTermios      = unix.TCSETSW
	ioctlSetTermiosFlush = unix.TCSETSF // drops what was typed ahead
)
