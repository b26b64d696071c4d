package helper

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mosha-ssh/mosha/internal/sshconn"
)

// TestDir: several masters do not share one, names that ssh cannot bind
// are refused, and what was left is removed, and nothing else.
func TestDir(t *testing.T) {
	parent, err := os.MkdirTemp("/tmp", "mosha-dir-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(parent)
	one, err1 := NewDir(parent, "/bin/true")
	two, err2 := NewDir(parent, "/bin/true")
	if err1 != nil || err2 != nil || one == two {
		t.Fatalf("%s, %v, %s, %v", one, err1, two, err2)
	}
	if to, err := os.Readlink(one.AskProgram()); to != "/bin/true" || err != nil {
		t.Errorf("%s leads to %s, %v", one.AskProgram(), to, err)
	}
	for _, name := range []string{"sessions", "sshd", "ssh"} {
		if err := os.Mkdir(filepath.Join(parent, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	RemoveDirs(parent)
	left, err := os.ReadDir(parent)
	if err != nil || len(left) != 3 {
		t.Errorf("left are %v, %v", left, err)
	}
	_, err = NewDir(filepath.Join(parent, strings.Repeat("x", 80)), "/bin/true")
	if path := (*sshconn.PathError)(nil); !errors.As(err, &path) {
		t.Errorf("a path that is too long: %v", err)
	}
}
