package netevent

import "golang.org/x/sys/unix"

const cached = unix.RTF_LLINFO | unix.RTF_WASCLONED

var causes = map[byte]cause{
	unix.RTM_IFINFO:  link,
	unix.RTM_NEWADDR: address,
	unix.RTM_DELADDR: address,
	unix.RTM_ADD:     route,
	unix.RTM_DELETE:  route,
	unix.RTM_CHANGE:  route,
}
