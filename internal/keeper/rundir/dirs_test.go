package rundir

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

// TestRuntimeBase: XDG_RUNTIME_DIR counts where it is the user's alone. Any
// other is not used, and stays as it is.
func TestRuntimeBase(t *testing.T) {
	home := t.TempDir()
	in := func(name string) string { return filepath.Join(home, name) }
	make := func(name string, mode os.FileMode) {
		t.Helper()
		if err := os.Mkdir(in(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(in(name), mode); err != nil { // whatever the umask
			t.Fatal(err)
		}
	}
	link := func(name, to string) {
		t.Helper()
		if err := os.Symlink(to, in(name)); err != nil {
			t.Fatal(err)
		}
	}
	make("private", 0o700)
	make("open", 0o777)
	make("sticky", 0o777|os.ModeSticky)
	make("group", 0o770)
	make("listed", 0o755)
	make("entered", 0o711)
	link("to-private", in("private"))
	link("to-open", in("open"))
	link("to-nothing", in("nothing"))
	if err := os.WriteFile(in("file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	cases := map[string]bool{
		in("private"): true, in("to-private"): true,
		in("open"): false, in("sticky"): false, in("group"): false, in("listed"): false, in("entered"): false,
		in("to-open"): false, in("to-nothing"): false, in("nothing"): false, in("file"): false, "": false, "private": false,
	}
	if os.Getuid() == 0 {
		make("foreign", 0o700)
		link("link-of-another", in("private"))
		for _, name := range []string{"foreign", "link-of-another"} {
			if err := os.Lchown(in(name), 12345, 12345); err != nil {
				t.Fatal(err)
			}
			cases[in(name)] = false
		}
	}
	for dir, used := range cases {
		base, own := runtimeBase(func(name string) string {
			if name == "XDG_RUNTIME_DIR" {
				return dir
			}
			return ""
		})
		want := [2]string{"/tmp", "mosha-" + strconv.Itoa(os.Getuid())}
		if used {
			want = [2]string{dir, "mosha"}
		}
		if got := [2]string{base, own}; got != want {
			t.Errorf("XDG_RUNTIME_DIR=%s: %q, want %q", dir, got, want)
		}
	}
	if info, err := os.Stat(in("open")); err != nil || info.Mode().Perm() != 0o777 {
		t.Errorf("an open one is now %v, %v", info, err)
	}
}
