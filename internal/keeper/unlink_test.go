//go:build linux

package keeper

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mosha-ssh/mosha/internal/remotesh"
)

// TestUnlinkScript: only a socket on which nobody listens is removed.
func TestUnlinkScript(t *testing.T) {
	dir, err := os.MkdirTemp("/tmp", "mosha-test-") // short enough for sockets
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, name := range []string{"dead socket", "used", "its"} {
		l, err := net.ListenUnix("unix", &net.UnixAddr{Name: at(name)})
		if err != nil {
			t.Fatal(err)
		}
		if name != "used" {
			l.SetUnlinkOnClose(false)
			_ = l.Close()
			continue
		}
		t.Cleanup(func() { _ = l.Close() })
	}
	for _, err := range []error{os.WriteFile(at("file"), nil, 0o600), os.Symlink("its", at("link")), os.Symlink(dir, at("dir"))} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name    string
		removed bool
	}{{"dead socket", true}, {"used", false}, {"dir/used", false}, {"file", false}, {"link", false}, {"none", true}} {
		sh := exec.Command("sh")
		sh.Stdin = strings.NewReader(remotesh.Opening + unlinkScript(at(c.name)))
		if out, err := sh.CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("%s: %v, %s", c.name, err, out)
		}
		if _, err := os.Lstat(at(c.name)); (err != nil) != c.removed {
			t.Errorf("%s: removed %v", c.name, err != nil)
		}
	}
}
