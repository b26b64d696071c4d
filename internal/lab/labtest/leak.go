//go:build linux

package labtest

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/mosha-ssh/mosha/internal/lab"
)

// LeavesNothing runs f and fails if goroutines of sshconn's packages or of
// x/crypto, descriptors or child processes stay behind.
func LeavesNothing(t testing.TB, f func()) {
	t.Helper()
	fds, before := Descriptors(t), len(Goroutines())
	f()
	err := lab.Eventually(t.Context(), "all is gone", func() (bool, error) {
		return len(Goroutines()) <= before && Descriptors(t) <= fds && len(Children(t)) == 0, nil
	})
	if err != nil {
		t.Errorf("%v\n%d descriptors, before %d\nchildren %v\n%s", err, Descriptors(t), fds, Children(t), strings.Join(Goroutines(), "\n\n"))
	}
}

// Goroutines returns the stacks of the goroutines of sshconn's packages, their
// tests' servers among them, and of x/crypto.
func Goroutines() []string {
	buf := make([]byte, 1<<20)
	buf = buf[:runtime.Stack(buf, true)]
	var found []string
	for i, stack := range strings.Split(string(buf), "\n\n") {
		if i == 0 || strings.Contains(stack, "testing.tRunner") {
			continue // the test itself
		}
		if strings.Contains(stack, "x/crypto/ssh") || strings.Contains(stack, "internal/sshconn") {
			found = append(found, stack)
		}
	}
	return found
}

// Descriptors counts the open files of this process.
func Descriptors(t testing.TB) int {
	t.Helper()
	names, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(names)
}

// Children returns the programs that a test's subject has started and that are
// still there, zombies too: all children but sshd and agents.
func Children(t testing.TB) []string {
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
