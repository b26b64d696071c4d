package keeper

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/mosha-ssh/mosha/internal/keeper/lease"
	"github.com/mosha-ssh/mosha/internal/keeper/rundir"
)

// TestFileInPlaceOfOurs: where a file of ours is expected, nothing else is
// opened, written or waited for.
func TestFileInPlaceOfOurs(t *testing.T) {
	dir := t.TempDir()
	elsewhere := filepath.Join(dir, "elsewhere")
	for name, put := range map[string]func(path string) error{
		"FIFO":           func(path string) error { return unix.Mkfifo(path, 0o600) },
		"link":           func(path string) error { return os.Symlink(elsewhere, path) },
		"link to itself": func(path string) error { return os.Symlink(path, path) },
		"link to a FIFO": func(path string) error {
			return errors.Join(unix.Mkfifo(path+".to", 0o600), os.Symlink(path+".to", path))
		},
		"link to null": func(path string) error { return os.Symlink(os.DevNull, path) },
		"directory":    func(path string) error { return os.Mkdir(path, 0o700) },
		"socket": func(path string) error {
			l, err := net.Listen("unix", path)
			if err == nil {
				t.Cleanup(func() { l.Close() })
			}
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			dirs := rundir.Dirs{Runtime: filepath.Join(dir, name), State: dir}
			in := dirs.Of("id")
			if err := os.MkdirAll(in.Sessions(), 0o700); err != nil {
				t.Fatal(err)
			}
			const id = "AAAAAAAAAAAAAAAAAAAAAAAAAA"
			log := filepath.Join(string(in), "log")
			for _, path := range []string{log, in.Lock(), in.Spec(), filepath.Join(in.Sessions(), id)} {
				if err := put(path); err != nil {
					t.Fatal(err)
				}
			}
			_, logged := rundir.OpenLog(log, "box")
			_, readLog := rundir.Open(log, os.O_RDONLY)
			_, locked := rundir.Acquire(context.Background(), in.Lock())
			_, read := loadSpec(in.Spec())
			for what, err := range map[string]error{"log": logged, "log, to be read": readLog, "lock": locked, "spec": read} {
				if other := (*rundir.FileError)(nil); !errors.As(err, &other) || other.Reason != "kind" || filepath.Dir(other.Path) != string(in) {
					t.Errorf("%s: %v", what, err)
				}
			}
			if err := lease.NewSet(in.Sessions(), func() {}).Add(id); !errors.Is(err, lease.ErrNone) {
				t.Errorf("lease: %v", err)
			}
			lease.RemoveFree(in.Sessions())
			if _, err := os.Stat(elsewhere); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("a link was followed: %v", err)
			}
		})
	}
}
