package keeper

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/mosha-ssh/mosha/internal/keeper/rundir"
)

// testDirs are fresh directories, short enough for a socket.
func testDirs(t *testing.T) rundir.Dirs {
	t.Helper()
	base, err := os.MkdirTemp("/tmp", "mk-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(base) })
	d := rundir.Dirs{Runtime: filepath.Join(base, "r"), State: filepath.Join(base, "s")}
	for _, dir := range []string{d.Runtime, d.State} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return d
}

const testID = "0123456789abcdef"

// newTestLease makes a lease as a launcher does.
func newTestLease(t *testing.T, d rundir.Dirs) *Lease {
	t.Helper()
	if err := d.Of(testID).Make(); err != nil {
		t.Fatal(err)
	}
	lease, err := NewLease(d, testID)
	if err != nil {
		t.Fatal(err)
	}
	return lease
}

// counts waits until that many sessions are counted.
func counts(t *testing.T, l *leases, changed <-chan struct{}, want int) {
	t.Helper()
	limit := time.After(5 * time.Minute)
	for l.count() != want {
		select {
		case <-changed:
		case <-limit:
			t.Fatalf("%d sessions, want %d", l.count(), want)
		}
	}
}

func newTestLeases(d rundir.Dirs) (*leases, chan struct{}) {
	changed := make(chan struct{}, 100)
	return newLeases(d.Of(testID).Sessions(), func() { changed <- struct{}{} }), changed
}

// TestLeaseIsHeldByItsHeirs: the session lives until the last process that
// inherited the descriptor has ended, however it ends.
func TestLeaseIsHeldByItsHeirs(t *testing.T) {
	d := testDirs(t)
	l, changed := newTestLeases(d)
	lease := newTestLease(t, d)
	heir := exec.Command("sleep", "1000")
	heir.ExtraFiles = []*os.File{lease.file}
	if err := heir.Start(); err != nil {
		t.Fatal(err)
	}
	if err := l.add(lease.ID); err != nil {
		t.Fatal(err)
	}
	_ = lease.file.Close() // the launcher has become mosh
	counts(t, l, changed, 1)
	if err := l.add(lease.ID); err != nil || l.count() != 1 {
		t.Errorf("added twice: %v, %d sessions", err, l.count())
	}
	_ = heir.Process.Kill()
	_ = heir.Wait()
	counts(t, l, changed, 0)
	if _, err := os.Stat(filepath.Join(d.Of(testID).Sessions(), lease.ID)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the lease's file: %v", err)
	}
}

// TestLeasesAreFoundAgain by a keeper that takes another's place. One that
// nobody holds is removed.
func TestLeasesAreFoundAgain(t *testing.T) {
	d := testDirs(t)
	alive, dead := newTestLease(t, d), newTestLease(t, d)
	_ = dead.file.Close()
	l, changed := newTestLeases(d)
	if err := l.find(); err != nil {
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
	d := testDirs(t)
	l, _ := newTestLeases(d)
	newTestLease(t, d)
	for _, id := range []string{"", ".", "../lock", "x", "AAAAAAAAAAAAAAAAAAAAAAAAA/", "AAAAAAAAAAAAAAAAAAAAAAAAAA"} {
		if err := l.add(id); !errors.Is(err, errNoLease) {
			t.Errorf("%q: %v", id, err)
		}
	}
}
