package rundir

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// TestDirInPlaceOfOurs: a keeper's directory is one, and not a link to one.
func TestDirInPlaceOfOurs(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "mosha")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	in := Dirs{Runtime: dir}.Of("id")
	if err := os.Symlink(t.TempDir(), string(in)); err != nil {
		t.Fatal(err)
	}
	_, err := Acquire(context.Background(), in.Lock())
	if other := (*DirError)(nil); !errors.As(err, &other) || other.Reason != "kind" || other.Path != string(in) {
		t.Errorf("%v", err)
	}
}

// TestFileOfAnother needs another user, whom only root can be made to seem.
func TestFileOfAnother(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.log")
	if err := os.WriteFile(path, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(path, 1, -1); err != nil {
		t.Fatal(err)
	}
	_, err := OpenLog(path, "box")
	if other := (*FileError)(nil); !errors.As(err, &other) || other.Reason != "owner" || other.Owner != 1 {
		t.Errorf("%v", err)
	}
}
