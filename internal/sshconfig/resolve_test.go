package sshconfig

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mosha-ssh/mosha/internal/child"
)

// TestMatchExecHangs ends, at the limit, ssh and what a Match exec started.
func TestMatchExecHangs(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pid")
	ssh := sshWith(t, `Match exec "echo $$ >`+file+`.new; mv `+file+`.new `+file+`; sleep 1000"`)
	_, err := ask(t.Context(), child.Env{}, patience{limit: 4500 * time.Millisecond, group: true}, ssh, nil, "h")
	if err == nil || err.Error() != "ssh -G h took longer than 5 s" {
		t.Fatalf("%v", err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for syscall.Kill(pid, 0) == nil && !isZombie(pid) {
		if ctx.Err() != nil {
			t.Fatalf("process %d still runs", pid)
		}
		time.Sleep(time.Millisecond)
	}
}

// isZombie reports whether a process only waits for somebody to reap it, which
// in a container may be nobody.
func isZombie(pid int) bool {
	status, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err == nil && strings.Contains(string(status), ") Z ")
}
