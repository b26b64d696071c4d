package mosh

import (
	"strconv"
	"strings"
)

// IsPortRange reports whether mosh takes this for its --port: PORT or
// PORT:PORT2, the lower one first, where 0 stands alone. Empty is none.
func IsPortRange(s string) bool {
	if s == "" {
		return true
	}
	first, second, isRange := strings.Cut(s, ":")
	low, err := strconv.ParseUint(first, 10, 16)
	if err != nil {
		return false
	}
	if !isRange {
		return true
	}
	high, err := strconv.ParseUint(second, 10, 16)
	return err == nil && 0 < low && low <= high
}
