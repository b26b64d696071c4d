package tunnel

import (
	"os"
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
