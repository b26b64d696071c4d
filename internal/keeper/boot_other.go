//go:build !linux

package keeper

import (
	"strconv"

	"golang.org/x/sys/unix"
)

// bootID returns what tells this boot of the machine from others, "" if that
// is not known. darwin has an id; elsewhere it is the time, which a clock that
// is set changes, too (sysctl(3), KERN_BOOTTIME).
func bootID() string {
	if id, err := unix.Sysctl("kern.bootsessionuuid"); err == nil {
		return id
	}
	began, err := unix.SysctlTimeval("kern.boottime")
	if err != nil {
		return ""
	}
	return strconv.FormatInt(int64(began.Sec), 10)
}
