package netevent

import "golang.org/x/sys/unix"

const cached = unix.RTF_LLDATA

var ownCauses map[byte]cause
