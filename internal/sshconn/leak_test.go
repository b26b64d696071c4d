//go:build linux

package sshconn

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/mosha-ssh/mosha/internal/lab"
)

// leavesNothing runs f and fails if goroutines of this package or of x/crypto,
// descriptors or child processes stay behind.
func leavesNothing(t *testing.T, f func()) {
	t.Helper()
	fds, before := descriptors(t), len(workers())
	f()
	err := lab.Eventually(t.Context(), "all is gone", func() (bool, error) {
		return len(workers()) <= before && descriptors(t) <= fds && len(children(t)) == 0, nil
	})
	if err != nil {
		t.Errorf("%v\n%d descriptors, before %d\nchildren %v\n%s", err, descriptors(t), fds, children(t), strings.Join(workers(), "\n\n"))
	}
}

// workers returns the stacks of the goroutines of this package, its tests'
// servers among them, and of x/crypto.
func workers() []string {
	buf := make([]byte, 1<<20)
	buf = buf[:runtime.Stack(buf, true)]
	var found []string
	for i, stack := range strings.Split(string(buf), "\n\n") {
		if i == 0 || strings.Contains(stack, "testing.tRunner") {
			continue // the test itself
		}
		if strings.Contains(stack, "x/crypto/ssh") || strings.Contains(stack, "internal/sshconn.") {
			found = append(found, stack)
		}
	}
	return found
}

func descriptors(t *testing.T) int {
	t.Helper()
	names, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(names)
}

// children returns the proxies that are still there, zombies too: all children
// but the sshd and the agents of the site.
func children(t *testing.T) []string {
	t.Helper()
	var found []string
	names, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		stat, err := os.ReadFile("/proc/" + name.Name() + "/stat")
		if err != nil {
			continue
		}
		_, rest, _ := strings.Cut(string(stat), "(")
		end := strings.LastIndex(rest, ") ") // a command may have any character
		command := rest[:end]
		var state string
		var parent int
		if _, err := fmt.Sscan(rest[end+2:], &state, &parent); err != nil {
			t.Fatal(err)
		}
		if parent == os.Getpid() && command != "sshd" && command != "ssh-agent" {
			found = append(found, name.Name()+" "+command+" "+state)
		}
	}
	return found
}
