package memory

import (
	"bufio"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// dropProgramPages has the kernel forget which pages of the program this
// process has used. Parsing the command line, reading the configuration and
// the key exchange touch most of the program; an idle keeper needs little of
// it, and what it needs comes back from the page cache. The pages are the
// file's own and unchanged, so nothing is lost.
func dropProgramPages() {
	maps, err := os.Open("/proc/self/maps")
	if err != nil {
		return
	}
	defer maps.Close()
	self, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return
	}
	for lines := bufio.NewScanner(maps); lines.Scan(); {
		if begin, end, ok := readOnlyMapping(lines.Text(), self); ok {
			_, _, _ = unix.Syscall(unix.SYS_MADVISE, begin, end-begin, unix.MADV_DONTNEED)
		}
	}
}

// readOnlyMapping reads a line of /proc/PID/maps (proc(5)), and reports whether
// it maps that file read-only.
func readOnlyMapping(line, file string) (begin, end uintptr, ok bool) {
	fields := strings.Fields(line)
	if len(fields) < 6 || fields[5] != file || (fields[1] != "r-xp" && fields[1] != "r--p") {
		return 0, 0, false
	}
	from, to, _ := strings.Cut(fields[0], "-")
	b, err1 := strconv.ParseUint(from, 16, 64)
	e, err2 := strconv.ParseUint(to, 16, 64)
	return uintptr(b), uintptr(e), err1 == nil && err2 == nil && b < e
}
