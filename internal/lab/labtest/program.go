package labtest

import (
	"os"
	"syscall"
	"testing"
)

// Program writes a file that everyone may run. No child may be forked
// meanwhile: it would hold the file open for writing, and nobody could run it
// (ETXTBSY, golang/go#22315).
func Program(t testing.TB, path, content string) {
	t.Helper()
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	if err := os.WriteFile(path, []byte(content), 0o755); err != nil {
		t.Fatal(err)
	}
}
