package lease

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/mosha-ssh/mosha/internal/keeper/rundir"
)

// testDir is a keeper's directory.
func testDir(t *testing.T) rundir.Dir {
	t.Helper()
	d := rundir.Dirs{Runtime: filepath.Join(t.TempDir(), "mosha")}.Of("0123456789abcdef")
	if err := d.Make(); err != nil {
		t.Fatal(err)
	}
	return d
}

// newTestLease makes a lease as a launcher does.
func newTestLease(t *testing.T, d rundir.Dir) *Lease {
	t.Helper()
	lease, err := New(d)
	if err != nil {
		t.Fatal(err)
	}
	return lease
}

// counts waits until that many sessions are counted.
func counts(t *testing.T, l *Set, changed <-chan struct{}, want int) {
	t.Helper()
	limit := time.After(5 * time.Minute)
	for l.Count() != want {
		select {
		case <-changed:
		case <-limit:
			t.Fatalf("%d sessions, want %d", l.Count(), want)
		}
	}
}

func newTestSet(d rundir.Dir) (*Set, chan struct{}) {
	changed := make(chan struct{}, 100)
	return NewSet(d.Sessions(), func() { changed <- struct{}{} }), changed
}

// TestLeaseIsHeldByItsHeirs: the session lives until the last process that
// inherited the descriptor has ended, however it ends.
func TestLeaseIsHeldByItsHeirs(t *testing.T) {
	d := testDir(t)
	l, changed := newTestSet(d)
	lease := newTestLease(t, d)
	heir := exec.Command("sleep", "1000")
	heir.ExtraFiles = []*os.File{lease.file}
	if err := heir.Start(); err != nil {
		t.Fatal(err)
	}
	if err := l.Add(lease.ID); err != nil {
		t.Fatal(err)
	}
	_ = lease.file.Close() // the launcher has become mosh
	counts(t, l, changed, 1)
	if err := l.Add(lease.ID); err != nil || l.Count() != 1 {
		t.Errorf("added twice: %v, %d sessions", err, l.Count())
	}
	_ = heir.Process.Kill()
	_ = heir.Wait()
	counts(t, l, changed, 0)
	if _, err := os.Stat(filepath.Join(d.Sessions(), lease.ID)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the lease's file: %v", err)
	}
}

// TestLeasesAreFoundAgain by a keeper that takes another's place. One that
// nobody holds is removed.
func TestLeasesAreFoundAgain(t *testing.T) {
	d := testDir(t)
	alive, dead := newTestLease(t, d), newTestLease(t, d)
	_ = dead.file.Close()
	l, changed := newTestSet(d)
	if err := l.Find(); err != nil {
		t.Fatal(err)
	}
	counts(t, l, changed, 1)
	if _, err := os.Stat(dead.file.Name()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the dead lease's file: %v", err)
	}
	_ = alive.file.Close()
	counts(t, l, changed, 0)
}

// TestLeaseNamesAreChecked: they come from a client and become file names.
func TestLeaseNamesAreChecked(t *testing.T) {
	d := testDir(t)
	l, _ := newTestSet(d)
	newTestLease(t, d)
	for _, id := range []string{"", ".", "../lock", "x", "AAAAAAAAAAAAAAAAAAAAAAAAA/", "AAAAAAAAAAAAAAAAAAAAAAAAAA"} {
		if err := l.Add(id); !errors.Is(err, ErrNone) {
			t.Errorf("%q: %v", id, err)
		}
	}
}
