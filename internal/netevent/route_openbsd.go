package netevent

import "golang.org/x/sys/unix"

const cached = unix.RTF_LLINFO | unix.RTF_CLONED | unix.RTF_CACHED

var causes = map[byte]cause{
	unix.RTM_IFINFO:      link,
	unix.RTM_NEWADDR:     address,
	unix.RTM_DELADDR:     address,
	unix.RTM_ADD:         route,
	unix.RTM_DELETE:      route,
	unix.RTM_CHANGE:      route,
	unix.RTM_CHGADDRATTR: address, // an IPv6 address has become usable
	unix.RTM_DESYNC:      overrun,
}
