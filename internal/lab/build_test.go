//go:build linux

package lab

import (
	"os"
	"os/exec"
	"testing"
)

func TestBuildOnce(t *testing.T) {
	const pkg = "github.com/mosha-ssh/mosha/internal/lab/testdata/hello"
	first, err := build(t.TempDir(), pkg)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", t.TempDir()) // without a compiler
	second, err := build(t.TempDir(), pkg)
	if err != nil {
		t.Fatal(err)
	}
	for _, program := range []string{first, second} {
		if out, err := exec.Command(program).Output(); string(out) != "hello\n" || err != nil {
			t.Errorf("the program says %q, %v", out, err)
		}
		if info, err := os.Stat(program); err != nil || info.Mode().Perm() != 0o755 {
			t.Errorf("mode: %v, %v", info.Mode(), err)
		}
	}
}

func TestBuildFailureIsShown(t *testing.T) {
	if _, err := build(t.TempDir(), "github.com/mosha-ssh/mosha/internal/lab/testdata/none"); err == nil {
		t.Error("a package that is not there was built")
	}
}
