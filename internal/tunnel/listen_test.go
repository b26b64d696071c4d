package tunnel

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// TestAtSign: a path that begins with @ names a file, as of ssh, on both sides.
func TestAtSign(t *testing.T) {
	t.Chdir(t.TempDir())
	const path = "@dir/s"
	if err := os.Mkdir("@dir", 0o700); err != nil {
		t.Fatal(err)
	}
	l, err := listenUnix(path, Rules{Mask: 0o177})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if _, err := os.Lstat(path); err != nil {
		t.Error(err)
	}
	conn, err := Rules{}.dial(t.Context(), Endpoint{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
}

// TestReplacedSocket: a file that was put in the place of a socket of ours is
// left alone, as is that to which a link there leads.
func TestReplacedSocket(t *testing.T) {
	dir := t.TempDir()
	path, other := filepath.Join(dir, "s"), filepath.Join(dir, "other")
	if err := os.WriteFile(other, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := listenUnix(path, Rules{Mask: 0o177})
	if err != nil {
		t.Fatal(err)
	}
	socket, err := findSocket(path)
	if err == nil {
		err = errors.Join(os.Remove(path), os.Symlink(other, path))
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := socket.allow(0); !errors.Is(err, errReplaced) {
		t.Errorf("its mode was set: %v", err)
	}
	if info, err := os.Stat(other); err != nil || info.Mode() != 0o600 {
		t.Errorf("the other file: %v, %v", info.Mode(), err)
	}
	_ = l.Close()
	if _, err := os.Lstat(path); err != nil {
		t.Error(err)
	}
}

// TestSocketMode: StreamLocalBindMask counts, and the socket ends with its
// listener.
func TestSocketMode(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	for _, mask := range []int{0o177, 0o117, 0} {
		l, err := listenUnix(path, Rules{Mask: mask})
		if err != nil {
			t.Fatal(err)
		}
		if info, err := os.Lstat(path); err != nil || info.Mode()&0o666 != os.FileMode(0o666&^mask) {
			t.Errorf("%o: %v, %v", mask, info.Mode(), err)
		}
		_ = l.Close()
		if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("it is left: %v", err)
		}
	}
}
