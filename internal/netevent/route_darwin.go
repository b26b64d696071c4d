package netevent

import "golang.org/x/sys/unix"

const cached = unix.RTF_LLINFO | unix.RTF_WASCLONED

var ownCauses map[byte]cause
