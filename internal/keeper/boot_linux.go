package keeper

import (
	"os"
	"strings"
)

// bootID returns what tells this boot of the machine from others, "" if that
// is not known (random(4), boot_id).
func bootID() string {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(id))
}
