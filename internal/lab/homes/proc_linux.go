package homes

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/mosha-ssh/mosha/internal/lab"
)

// ProcStat returns the fields of /proc/PID/stat from the third on, nil if there
// is no such process or it is a zombie.
func ProcStat(pid int) []string {
	stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) == 0 || fields[0] == "Z" {
		return nil
	}
	return fields
}

// Eventually waits for a condition.
func Eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	Check(t, lab.Eventually(t.Context(), what, func() (bool, error) { return cond(), nil }))
}

// Gone returns a function that reports whether a process has ended.
func Gone(pid int) func() bool { return func() bool { return ProcStat(pid) == nil } }
