package rundir

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
)

// TestLockHasOneHolder, and whoever waits gets it, although its file and its
// directory go with each holder.
func TestLockHasOneHolder(t *testing.T) {
	dir := Dirs{Runtime: filepath.Join(t.TempDir(), "mosha")}.Of("id")
	first, err := TryAcquire(dir.Lock())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := TryAcquire(dir.Lock()); !errors.Is(err, ErrLocked) {
		t.Errorf("a second holder: %v", err)
	}
	got := make(chan error, 1)
	go func() {
		second, err := Acquire(context.Background(), dir.Lock())
		if err == nil {
			second.Release()
		}
		got <- err
	}()
	first.Release()
	dir.Remove()
	if err := <-got; err != nil {
		t.Errorf("the one that waited: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	third, err := TryAcquire(dir.Lock())
	if err != nil {
		t.Fatal(err)
	}
	defer third.Release()
	if _, err := Acquire(ctx, dir.Lock()); !errors.Is(err, ErrLocked) {
		t.Errorf("a wait that was ended: %v", err)
	}
}

// TestLockUnderContention: any number of processes' worth of goroutines, each
// of which removes file and directory, never hold it at once.
func TestLockUnderContention(t *testing.T) {
	dir := Dirs{Runtime: filepath.Join(t.TempDir(), "mosha")}.Of("id")
	inside := make(chan struct{}, 1)
	done := make(chan error, 8)
	for range cap(done) {
		go func() {
			for range 50 {
				lock, err := Acquire(context.Background(), dir.Lock())
				if err != nil {
					done <- err
					return
				}
				select {
				case inside <- struct{}{}:
				default:
					done <- errors.New("two holders at once")
					return
				}
				<-inside
				lock.Release()
				dir.Remove()
			}
			done <- nil
		}()
	}
	for range cap(done) {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}
