package bootstrap

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/mosha-ssh/mosha/internal/lab/homes"
	"github.com/mosha-ssh/mosha/internal/remotesh"
)

// mount mounts a small file system over the home.
func mount(l *homes.Local, size string) {
	l.T.Helper()
	if err := syscall.Mount("none", l.Home, "tmpfs", 0, "mode=755,size="+size); err != nil {
		l.T.Fatalf("mounting a small file system, which takes root: %v", err)
	}
	l.T.Cleanup(func() { homes.Check(l.T, syscall.Unmount(l.Home, syscall.MNT_DETACH)) })
	l.Own(l.Home)
}

// fill leaves that many bytes of the home's file system free.
func fill(l *homes.Local, free int) {
	l.T.Helper()
	var s syscall.Statfs_t
	homes.Check(l.T, syscall.Statfs(l.Home, &s))
	p := filepath.Join(l.Home, "ballast")
	homes.Check(l.T, os.WriteFile(p, make([]byte, int(s.Bavail)*int(s.Bsize)-free), 0o644))
	l.Own(p)
}

// TestFullDisk fills the disk so far that a copy of the old file fits and the
// block does not, or that not even the copy does.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	homes.EachShell(t, func(t *testing.T, l *homes.Local) {
		for _, free := range []int{0, 8 << 10} {
			l := l.Another(t)
			mount(l, "128k")
			// A multiple of the page size: the block needs a page of its own.
			l.Lay(homes.File(".bashrc", strings.Repeat("# 01234567890123456789012345678\n", 256)), homes.Dir(".ssh").With(0o700))
			fill(l, free)
			before := l.Tree()
			got := reported(t, setUp(t, l))
			full := row{path: ".bashrc", action: Failed, reason: Full}
			if got[1] != full {
				t.Errorf("with %d bytes free: %v, want %v", free, got[1], full)
			}
			for path := range l.Tree() {
				if strings.Contains(path, "mosha") {
					t.Errorf("with %d bytes free, %s was left", free, path)
				}
			}
			if d := homes.Differences(before, l.Tree(), ".ssh/rc", ".profile"); d != "" {
				t.Errorf("with %d bytes free: %s", free, d)
			}
			homes.Check(t, os.Remove(filepath.Join(l.Home, "ballast")))
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
	homes.EachShell(t, func(t *testing.T, l *homes.Local) {
		if l.Userland == "toybox" {
			return // its cp copies what there is room for, and the old file is larger than what is composed then
		}
		mount(l, "128k")
		l.Lay(homes.File(".bashrc", strings.Repeat("# 01234567890123456789012345678\n", 256)), homes.Dir(".ssh").With(0o700))
		before := l.Tree()
		setUp(t, l)
		fill(l, 0)
		set := l.Tree()
		full := row{path: ".bashrc", action: Failed, reason: Full}
		compare(t, "report", rows(removed(".ssh/rc"), full, removed(".profile")), reported(t, undo(t, l)))
		if d := homes.Differences(set, l.Tree(), ".ssh/rc", ".profile"); d != "" {
			t.Error(d)
		}
		homes.Check(t, os.Remove(filepath.Join(l.Home, "ballast")))
		undo(t, l)
		if d := homes.Differences(timeless(before), timeless(l.Tree())); d != "" {
			t.Error(d)
		}
	})
}

func TestReadOnlyHome(t *testing.T) {
	t.Parallel()
	homes.EachShell(t, func(t *testing.T, l *homes.Local) {
		mount(l, "128k")
		l.Lay(homes.File(".bashrc", "x\n"), homes.File("prof/profile", "y\n"), homes.Symlink(".profile", "prof/profile"))
		homes.Check(t, syscall.Mount("none", l.Home, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""))
		before := l.Tree()
		failed := func(path string) row { return row{path: path, action: Failed, reason: ReadOnly} }
		compare(t, "report", rows(failed(".ssh/rc"), failed(".bashrc"), failed(".profile")), reported(t, setUp(t, l)))
		if d := homes.Differences(before, l.Tree()); d != "" {
			t.Error(d)
		}
	})
}

// TestMountedFile: a dotfile that is mounted from elsewhere, as in
// containers: it can be written, but not replaced.
func TestMountedFile(t *testing.T) {
	t.Parallel()
	homes.EachShell(t, func(t *testing.T, l *homes.Local) {
		l.Lay(homes.File("elsewhere", "x\n"), homes.File(".bashrc", ""), homes.File(".profile", debianProfile), homes.File(".ssh/rc", rcBlock))
		bashrc := filepath.Join(l.Home, ".bashrc")
		homes.Check(t, syscall.Mount(filepath.Join(l.Home, "elsewhere"), bashrc, "", syscall.MS_BIND, ""))
		defer func() { homes.Check(t, syscall.Unmount(bashrc, 0)) }()
		before := l.Tree()
		got := reported(t, setUp(t, l))
		compare(t, "report", rows(inPlace(".ssh/rc"), row{path: ".bashrc", action: Failed, reason: WriteError}), got)
		if d := homes.Differences(before, l.Tree()); d != "" {
			t.Error(d)
		}
	})
}

// TestHome of root, to whom modes mean nothing: owners and modes are kept.
func TestHomeOfRoot(t *testing.T) {
	t.Parallel()
	homes.EachShell(t, func(t *testing.T, l *homes.Local) {
		l.User = 0
		l.Lay(homes.File(".bashrc", "x\n").With(0o400).Roots(), homes.File(".profile", debianProfile))
		homes.Check(t, os.Lchown(filepath.Join(l.Home, ".bashrc"), 1234, 5678))
		before := l.Tree()
		compare(t, "report", rows(rcNew, changed(".bashrc")), reported(t, setUp(t, l)))
		after := l.Tree()
		compare(t, ".bashrc", envBlock+"x\n", after[".bashrc"].Content)
		if a, b := before[".bashrc"], after[".bashrc"]; a.Mode != b.Mode || a.UID != b.UID {
			t.Errorf("mode %v and owner %d became %v and %d", a.Mode, a.UID, b.Mode, b.UID)
		}
	})
}

// TestFileOfAnotherGroup: one that only root could give to a copy.
func TestFileOfAnotherGroup(t *testing.T) {
	t.Parallel()
	homes.EachShell(t, func(t *testing.T, l *homes.Local) {
		for user, want := range map[int]row{homes.Nobody: skipped(".bashrc", Attributes), 0: changed(".bashrc")} {
			l := l.Another(t)
			l.User = user
			l.Lay(homes.File(".bashrc", "x\n"), homes.File(".profile", debianProfile), homes.File(".ssh/rc", rcBlock))
			homes.Check(t, os.Lchown(filepath.Join(l.Home, ".bashrc"), user, 5678))
			preview, err := PreviewSetup(t.Context(), l)
			homes.Check(t, err)
			compare(t, "preview", rows(inPlace(".ssh/rc"), want), reported(t, preview))
			compare(t, "report", rows(inPlace(".ssh/rc"), want), reported(t, setUp(t, l)))
		}
	})
}

// TestImmutableFile has a dotfile that not even root may write.
func TestImmutableFile(t *testing.T) {
	t.Parallel()
	homes.EachShell(t, func(t *testing.T, l *homes.Local) {
		for _, user := range []int{homes.Nobody, 0} {
			l := l.Another(t)
			l.User = user
			l.Lay(homes.File(".bashrc", "x\n"), homes.File(".profile", envBlock+"y\n"), homes.File(".ssh/rc", rcBlock))
			freeze := func(to string) {
				out, err := exec.Command("chattr", to, filepath.Join(l.Home, ".bashrc"), filepath.Join(l.Home, ".profile")).CombinedOutput()
				if err != nil {
					t.Fatalf("chattr %s: %v, %s", to, err, out)
				}
			}
			freeze("+i")
			t.Cleanup(func() { freeze("-i") })
			before := l.Tree()
			compare(t, "report", rows(inPlace(".ssh/rc"), skipped(".bashrc", Unwritable), inPlace(".profile")), reported(t, setUp(t, l)))
			compare(t, "undo", rows(restored(".ssh/rc"), skipped(".profile", Unwritable)), reported(t, undo(t, l)))
			if d := homes.Differences(before, l.Tree(), ".ssh/rc"); d != "" {
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
	homes.EachShell(t, func(t *testing.T, l *homes.Local) {
		if l.Userland != "" {
			return // neither the cp nor the ls of busybox and toybox do
		}
		l.Lay(homes.File(".bashrc", "x\n"), homes.File(".profile", debianProfile))
		bashrc := filepath.Join(l.Home, ".bashrc")
		want := map[string]string{"user.origin": "somewhere", "system.posix_acl_access": string(acl)}
		for name, value := range want {
			homes.Check(t, syscall.Setxattr(bashrc, name, []byte(value), 0))
		}
		for _, do := range []func(context.Context, remotesh.Runner) (Report, error){Setup, Undo} {
			report, err := do(t.Context(), l)
			homes.Check(t, err)
			for name, value := range want {
				got := make([]byte, 100)
				n, err := syscall.Getxattr(bashrc, name, got)
				if err != nil || string(got[:n]) != value {
					t.Errorf("%s is %q, %v after %v", name, got[:max(n, 0)], err, report)
				}
			}
		}
		compare(t, ".bashrc", "x\n", l.Read(".bashrc"))
	})
}
