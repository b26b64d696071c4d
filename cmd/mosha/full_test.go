//go:build linux

package main_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/mosha-ssh/mosha/internal/lab"
)

// TestLaptopCannotWrite: no log can be written, and the session is there all
// the same.
func TestLaptopCannotWrite(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]blow{
		"home read-only": func(w *world) error { return w.me.ReadOnlyHome() },
		"disk full": func(w *world) error {
			config, known := w.file(".ssh/config"), w.file(".ssh/known_hosts")
			w.must(w.me.LimitHome(64 << 10))
			w.must(w.me.WriteFile(".ssh/config", config, 0o600))
			w.must(w.me.WriteFile(".ssh/known_hosts", known, 0o600))
			return w.me.Command(w.ctx(), "sh", "-c", "cat /dev/zero >filler 2>/dev/null || :").Run()
		},
		"disk full later": func(w *world) error {
			w.exit(w.shell("devbox"))
			w.nothingLeft()
			return w.me.ReadOnlyHome()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.must(prepare(w))
			window := w.shell("devbox")
			w.agentIs(window, w.key)
			w.must(w.sshd.KillSessions())
			w.agentIs(window, w.key)
			w.must(killKeeper(w))
			w.agentIs(window, w.key)
			w.exit(window)
			w.nothingLeft()
		})
	}
}

func (w *world) file(name string) string {
	w.t.Helper()
	content, err := w.me.ReadFile(name)
	w.must(err)
	return content
}

// TestRuntimeDirectoryFull: wherever on its way a launch finds no room for one
// more file, it says so in one line or starts the session all the same.
func TestRuntimeDirectoryFull(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	dir := w.me.Path("run")
	w.must(w.me.Command(w.ctx(), "mkdir", "-m", "700", dir).Run())
	w.me.Setenv("XDG_RUNTIME_DIR", dir)
	refused, started := 0, 0
	for files := 1; started < 2; files++ {
		w.mount(dir, files)
		window := w.runSized(240, 24, "devbox", "--", "sh", "-c", "echo begun; read x")
		err := window.WaitFor(w.ctx(), "^begun$")
		switch {
		case err == nil:
			started++
			w.must(window.Send("\r"))
			_, err := window.Wait(w.ctx())
			w.must(err)
			w.nothingLeft()
		case errors.Is(err, lab.ErrEnded):
			refused++
			t.Logf("room for %d: %s", files-1, window.Screen())
			code, err := window.Wait(w.ctx())
			w.must(err)
			w.failed(window.Screen(), code, 1, `\Amosha: .*no space left on device.*\n?(mosha: hint: .*\n?)?\z`)
		default:
			t.Fatal(err)
		}
		w.must(w.me.Machine.Command(w.ctx(), "umount", dir).Run())
	}
	if refused == 0 {
		t.Error("no launch was refused, so that nothing was full")
	}
}

// mount puts a file system that takes so many files on the directory.
func (w *world) mount(dir string, files int) {
	w.t.Helper()
	// The first of its inodes is the directory itself.
	options := fmt.Sprintf("nr_inodes=%d,mode=0700,uid=%d,gid=%d", files, w.me.UID, w.me.GID)
	w.must(w.me.Machine.Command(w.ctx(), "mount", "-t", "tmpfs", "-o", options, "tmpfs", dir).Run())
}
