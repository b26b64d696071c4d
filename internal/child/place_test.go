package child

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"
)

func TestAccessible(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "file"), "")
	if err := os.Symlink(dir, filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]error{
		dir: nil, dir + "/link": nil, "/": nil, dir + "/file": unix.ENOTDIR, dir + "/gone": unix.ENOENT,
	} {
		if err := accessible(path); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", path, err, want)
		}
	}
}

// TestPlaceHangs: a file system that does not answer keeps the programs of this
// process waiting once, for a moment, and is asked once. When it answers again, the
// programs run there.
func TestPlaceHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		back := make(chan struct{})
		var asked atomic.Int32
		p := &place{enter: func(string) error {
			asked.Add(1)
			<-back
			return nil
		}}
		waits := func(want time.Duration) {
			t.Helper()
			var all sync.WaitGroup
			for range 3 {
				all.Go(func() {
					began := time.Now()
					if p.open() || time.Since(began) != want {
						t.Errorf("it took %v, want %v", time.Since(began), want)
					}
				})
			}
			all.Wait()
		}
		waits(entryLimit)
		waits(0)
		if asked.Load() != 1 {
			t.Errorf("asked %d times", asked.Load())
		}
		close(back)
		synctest.Wait()
		if !p.open() || asked.Load() != 2 {
			t.Errorf("not open, asked %d times", asked.Load())
		}
	})
}
