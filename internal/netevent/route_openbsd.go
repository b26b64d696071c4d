package netevent

import "golang.org/x/sys/unix"

const cached = unix.RTF_LLINFO | unix.RTF_CLONED | unix.RTF_CACHED

// ownCauses are there on this system only.
var ownCauses = map[byte]cause{
	unix.RTM_CHGADDRATTR: address, // an IPv6 address has become usable
	unix.RTM_DESYNC:      overrun,
}
