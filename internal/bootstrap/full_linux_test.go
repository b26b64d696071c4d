package bootstrap

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/mosha-ssh/mosha/internal/remotesh"
)

// mount mounts a small file system over the home.
func (l *local) mount(size string) {
	l.t.Helper()
	if err := syscall.Mount("none", l.home, "tmpfs", 0, "mode=755,size="+size); err != nil {
		l.t.Fatalf("mounting a small file system, which takes root: %v", err)
	}
	l.t.Cleanup(func() { check(l.t, syscall.Unmount(l.home, syscall.MNT_DETACH)) })
	l.own(l.home)
}

// fill leaves that many bytes of the home's file system free.
func (l *local) fill(free int) {
	l.t.Helper()
	var s syscall.Statfs_t
	check(l.t, syscall.Statfs(l.home, &s))
	p := filepath.Join(l.home, "ballast")
	check(l.t, os.WriteFile(p, make([]byte, int(s.Bavail)*int(s.Bsize)-free), 0o644))
	l.own(p)
}

// TestFullDisk fills the disk so far that a copy of the old file fits and the
// block does not, or that not even the copy does.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	eachShell(t, func(t *testing.T, l *local) {
		for _, free := range []int{0, 8 << 10} {
			l := l.another(t)
			l.mount("128k")
			// A multiple of the page size: the block needs a page of its own.
			l.lay(file(".bashrc", strings.Repeat("# 01234567890123456789012345678\n", 256)), dir(".ssh").with(0o700))
			l.fill(free)
			before := l.tree()
			got := reported(t, setUp(t, l))
			full := row{path: ".bashrc", action: Failed, reason: Full}
			if got[1] != full {
				t.Errorf("with %d bytes free: %v, want %v", free, got[1], full)
			}
			for path := range l.tree() {
				if strings.Contains(path, "mosha") {
					t.Errorf("with %d bytes free, %s was left", free, path)
				}
			}
			if d := differences(before, l.tree(), ".ssh/rc", ".profile"); d != "" {
				t.Errorf("with %d bytes free: %s", free, d)
			}
			check(t, os.Remove(filepath.Join(l.home, "ballast")))
			if got := reported(t, setUp(t, l)); got[1] != changed(".bashrc") {
				t.Errorf("with room again: %v", got[1])
			}
		}
	})
}

// TestUndoOnAFullDisk removes what is ours alone, and leaves what it cannot
// write anew.
func TestUndoOnAFullDisk(t *testing.T) {
	t.Parallel()
	eachShell(t, func(t *testing.T, l *local) {
		if l.userland == "toybox" {
			return // its cp copies what there is room for, and the old file is larger than what is composed then
		}
		l.mount("128k")
		l.lay(file(".bashrc", strings.Repeat("# 01234567890123456789012345678\n", 256)), dir(".ssh").with(0o700))
		before := l.tree()
		setUp(t, l)
		l.fill(0)
		set := l.tree()
		full := row{path: ".bashrc", action: Failed, reason: Full}
		compare(t, "report", rows(removed(".ssh/rc"), full, removed(".profile")), reported(t, undo(t, l)))
		if d := differences(set, l.tree(), ".ssh/rc", ".profile"); d != "" {
			t.Error(d)
		}
		check(t, os.Remove(filepath.Join(l.home, "ballast")))
		undo(t, l)
		if d := differences(timeless(before), timeless(l.tree())); d != "" {
			t.Error(d)
		}
	})
}

func TestReadOnlyHome(t *testing.T) {
	t.Parallel()
	eachShell(t, func(t *testing.T, l *local) {
		l.mount("128k")
		l.lay(file(".bashrc", "x\n"), file("prof/profile", "y\n"), symlink(".profile", "prof/profile"))
		check(t, syscall.Mount("none", l.home, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""))
		before := l.tree()
		failed := func(path string) row { return row{path: path, action: Failed, reason: ReadOnly} }
		compare(t, "report", rows(failed(".ssh/rc"), failed(".bashrc"), failed(".profile")), reported(t, setUp(t, l)))
		if d := differences(before, l.tree()); d != "" {
			t.Error(d)
		}
	})
}

// TestMountedFile: a dotfile that is mounted from elsewhere, as in
// containers: it can be written, but not replaced.
func TestMountedFile(t *testing.T) {
	t.Parallel()
	eachShell(t, func(t *testing.T, l *local) {
		l.lay(file("elsewhere", "x\n"), file(".bashrc", ""), file(".profile", debianProfile), file(".ssh/rc", rcBlock))
		bashrc := filepath.Join(l.home, ".bashrc")
		check(t, syscall.Mount(filepath.Join(l.home, "elsewhere"), bashrc, "", syscall.MS_BIND, ""))
		defer func() { check(t, syscall.Unmount(bashrc, 0)) }()
		before := l.tree()
		got := reported(t, setUp(t, l))
		compare(t, "report", rows(inPlace(".ssh/rc"), row{path: ".bashrc", action: Failed, reason: WriteError}), got)
		if d := differences(before, l.tree()); d != "" {
			t.Error(d)
		}
	})
}

// TestHome of root, to whom modes mean nothing: owners and modes are kept.
func TestHomeOfRoot(t *testing.T) {
	t.Parallel()
	eachShell(t, func(t *testing.T, l *local) {
		l.user = 0
		l.lay(file(".bashrc", "x\n").with(0o400).roots(), file(".profile", debianProfile))
		check(t, os.Lchown(filepath.Join(l.home, ".bashrc"), 1234, 5678))
		before := l.tree()
		compare(t, "report", rows(rcNew, changed(".bashrc")), reported(t, setUp(t, l)))
		after := l.tree()
		compare(t, ".bashrc", envBlock+"x\n", after[".bashrc"].content)
		if a, b := before[".bashrc"], after[".bashrc"]; a.mode != b.mode || a.uid != b.uid {
			t.Errorf("mode %v and owner %d became %v and %d", a.mode, a.uid, b.mode, b.uid)
		}
	})
}

// TestFileOfAnotherGroup: one that only root could give to a copy.
func TestFileOfAnotherGroup(t *testing.T) {
	t.Parallel()
	eachShell(t, func(t *testing.T, l *local) {
		for user, want := range map[int]row{nobody: skipped(".bashrc", Attributes), 0: changed(".bashrc")} {
			l := l.another(t)
			l.user = user
			l.lay(file(".bashrc", "x\n"), file(".profile", debianProfile), file(".ssh/rc", rcBlock))
			check(t, os.Lchown(filepath.Join(l.home, ".bashrc"), user, 5678))
			preview, err := PreviewSetup(t.Context(), l)
			check(t, err)
			compare(t, "preview", rows(inPlace(".ssh/rc"), want), reported(t, preview))
			compare(t, "report", rows(inPlace(".ssh/rc"), want), reported(t, setUp(t, l)))
		}
	})
}

// TestImmutableFile has a dotfile that not even root may write.
func TestImmutableFile(t *testing.T) {
	t.Parallel()
	eachShell(t, func(t *testing.T, l *local) {
		for _, user := range []int{nobody, 0} {
			l := l.another(t)
			l.user = user
			l.lay(file(".bashrc", "x\n"), file(".profile", envBlock+"y\n"), file(".ssh/rc", rcBlock))
			freeze := func(to string) {
				out, err := exec.Command("chattr", to, filepath.Join(l.home, ".bashrc"), filepath.Join(l.home, ".profile")).CombinedOutput()
				if err != nil {
					t.Fatalf("chattr %s: %v, %s", to, err, out)
				}
			}
			freeze("+i")
			t.Cleanup(func() { freeze("-i") })
			before := l.tree()
			compare(t, "report", rows(inPlace(".ssh/rc"), skipped(".bashrc", Unwritable), inPlace(".profile")), reported(t, setUp(t, l)))
			compare(t, "undo", rows(restored(".ssh/rc"), skipped(".profile", Unwritable)), reported(t, undo(t, l)))
			if d := differences(before, l.tree(), ".ssh/rc"); d != "" {
				t.Error(d)
			}
		}
	})
}

// acl is the access list user::rw-, user:1234:r--, group::r--, mask::r--,
// other::r-- as the kernel has it: the version, and of each entry its tag,
// permissions and user.
var acl = []byte("\x02\x00\x00\x00\x01\x00\x06\x00\xff\xff\xff\xff\x02\x00\x04\x00\xd2\x04\x00\x00" +
	"\x04\x00\x04\x00\xff\xff\xff\xff\x10\x00\x04\x00\xff\xff\xff\xff\x20\x00\x04\x00\xff\xff\xff\xff")

// TestExtendedAttributes are kept, as a security context would be, where cp
// knows of them. Where it does not and ls does, the file stays as it is.
func TestExtendedAttributes(t *testing.T) {
	t.Parallel()
	eachShell(t, func(t *testing.T, l *local) {
		if l.userland != "" {
			return // neither the cp nor the ls of busybox and toybox do
		}
		l.lay(file(".bashrc", "x\n"), file(".profile", debianProfile))
		bashrc := filepath.Join(l.home, ".bashrc")
		want := map[string]string{"user.origin": "somewhere", "system.posix_acl_access": string(acl)}
		for name, value := range want {
			check(t, syscall.Setxattr(bashrc, name, []byte(value), 0))
		}
		for _, do := range []func(context.Context, remotesh.Runner) (Report, error){Setup, Undo} {
			report, err := do(t.Context(), l)
			check(t, err)
			for name, value := range want {
				got := make([]byte, 100)
				n, err := syscall.Getxattr(bashrc, name, got)
				if err != nil || string(got[:n]) != value {
					t.Errorf("%s is %q, %v after %v", name, got[:max(n, 0)], err, report)
				}
			}
		}
		compare(t, ".bashrc", "x\n", l.read(".bashrc"))
	})
}
