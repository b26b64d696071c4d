package rundir

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// withoutDescriptors does something while the process gets no new ones.
func withoutDescriptors(t *testing.T, do func()) {
	t.Helper()
	var had unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &had); err != nil {
		t.Fatal(err)
	}
	none := had
	none.Cur = 0
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &none); err != nil {
		t.Fatal(err)
	}
	do()
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &had); err != nil {
		t.Fatal(err)
	}
}

// TestLogAfterFailedRotation: the log was set aside, and to open a new file failed
// at that moment. Its two files stay bounded from the next time on.
func TestLogAfterFailedRotation(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.log")
	l, err := OpenLog(path, "devbox")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	line := []byte(strings.Repeat("a", 1023) + "\n")
	write := func(bytes int) {
		t.Helper()
		for range bytes / len(line) {
			if _, err := l.Write(line); err != nil {
				t.Fatal(err)
			}
		}
	}
	write(maxLog)
	withoutDescriptors(t, func() { write(len(line)) })
	if _, err := os.Stat(path); err == nil {
		t.Fatal("the new log was opened, want a failure")
	}
	write(5 * maxLog / 2)
	for _, name := range []string{path, path + ".old"} {
		if info, err := os.Stat(name); err != nil || info.Size() > maxLog {
			t.Errorf("%s: %v, %v, want a file of at most %d bytes", filepath.Base(name), info, err, maxLog)
		}
	}
}

// TestLogRemoved: somebody who removes the log gets a new one, once it would
// be set aside.
func TestLogRemoved(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.log")
	l, err := OpenLog(path, "devbox")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	for _, length := range []int{maxLog, 1} {
		if _, err := l.Write(make([]byte, length)); err != nil {
			t.Fatal(err)
		}
	}
	if info, err := os.Stat(path); err != nil || info.Size() != 1 {
		t.Errorf("the new log: %v, %v", info, err)
	}
}
