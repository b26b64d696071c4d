package tunnel

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// holderOf finds the process that listens at an address, by the system's table
// of sockets and the files of the processes that this user may see. pid is 0
// if it finds none.
func holderOf(address string) (pid int, program string) {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return 0, ""
	}
	inodes := socketsAt(at)
	if len(inodes) == 0 {
		return 0, ""
	}
	files, _ := filepath.Glob("/proc/[0-9]*/fd/*")
	for _, file := range files {
		target, err := os.Readlink(file)
		if err != nil || !inodes[target] {
			continue
		}
		dir := filepath.Dir(filepath.Dir(file))
		name, _ := os.ReadFile(dir + "/comm")
		pid, _ = strconv.Atoi(filepath.Base(dir))
		return pid, strings.TrimSpace(string(name))
	}
	return 0, ""
}

// socketsAt returns the listening sockets that take the port at an address or
// at all addresses, as /proc/PID/fd has them.
func socketsAt(at netip.AddrPort) map[string]bool {
	found := make(map[string]bool)
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		file, err := os.Open(table)
		if err != nil {
			continue
		}
		lines := bufio.NewScanner(file)
		for lines.Scan() {
			// sl local_address rem_address st tx:rx tr:tm retrnsmt uid timeout
			// inode
			fields := strings.Fields(lines.Text())
			const stateListen = "0A"
			if len(fields) < 10 || fields[3] != stateListen {
				continue
			}
			local, ok := kernelAddress(fields[1])
			same := local.Addr() == at.Addr() || local.Addr().IsUnspecified() || at.Addr().IsUnspecified()
			if ok && local.Port() == at.Port() && same {
				found[fmt.Sprintf("socket:[%s]", fields[9])] = true
			}
		}
		_ = file.Close()
	}
	return found
}

// kernelAddress reads an address of the table: words of four bytes in the
// machine's order, little-endian on all that Go has for Linux but a few.
func kernelAddress(text string) (netip.AddrPort, bool) {
	words, port, _ := strings.Cut(text, ":")
	raw, err := hex.DecodeString(words)
	number, failed := strconv.ParseUint(port, 16, 16)
	if err != nil || failed != nil || len(raw)%4 != 0 {
		return netip.AddrPort{}, false
	}
	for i := 0; i < len(raw); i += 4 {
		raw[i], raw[i+1], raw[i+2], raw[i+3] = raw[i+3], raw[i+2], raw[i+1], raw[i]
	}
	addr, ok := netip.AddrFromSlice(raw)
	return netip.AddrPortFrom(addr, uint16(number)), ok
}
