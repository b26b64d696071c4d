package guard

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestDoorBurst: more than there is room for, each for a moment, all come in,
// in their order, and never too many at once.
func TestDoorBurst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := NewDoor()
		var mu sync.Mutex
		inside, most, turnedAway := 0, 0, 0
		var order []int
		for i := range 1000 {
			go func() {
				in := d.Enter(t.Context())
				mu.Lock()
				defer mu.Unlock()
				if !in {
					turnedAway++
					return
				}
				order = append(order, i)
				inside++
				most = max(most, inside)
				mu.Unlock()
				time.Sleep(time.Second) // a slow link
				mu.Lock()
				inside--
				d.Leave()
			}()
			synctest.Wait()
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if most != MaxChannels || turnedAway > 0 || inside != 0 || !d.places.TryAcquire(MaxChannels) {
			t.Errorf("at most %d at once, want %d; %d turned away; %d left", most, MaxChannels, turnedAway, inside)
		}
		for i, who := range order {
			if max(i-who, who-i) >= MaxChannels { // so many come in at once
				t.Fatalf("%d came in as number %d", who, i)
			}
		}
	})
}

// TestDoorStalls: those who hold their places turn the others away, soon, and
// at once who comes later. When one leaves, the next comes in.
func TestDoorStalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := NewDoor()
		for range MaxChannels {
			if !d.Enter(t.Context()) {
				t.Fatal("turned away though there is room")
			}
		}
		begin := time.Now()
		if d.Enter(t.Context()) {
			t.Error("one too many came in")
		}
		if waited := time.Since(begin); waited != doorPatience {
			t.Errorf("turned away after %v, want %v", waited, doorPatience)
		}
		if begin = time.Now(); d.Enter(t.Context()) || time.Since(begin) > 0 {
			t.Errorf("one who came later came in, or waited for %v", time.Since(begin))
		}
		d.Leave()
		if !d.Enter(t.Context()) {
			t.Error("turned away though one has left")
		}
		time.AfterFunc(doorPatience-1, d.Leave)
		if !d.Enter(t.Context()) {
			t.Error("turned away though one has left in time")
		}
	})
}

// TestDoorWaitsBeforeAnythingMoved: a channel finds all places taken while
// those who took them have not noted when.
func TestDoorWaitsBeforeAnythingMoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := NewDoor()
		if !d.places.TryAcquire(MaxChannels) {
			t.Fatal("places are taken")
		}
		begin := time.Now()
		if d.Enter(t.Context()) {
			t.Error("one too many came in")
		}
		if waited := time.Since(begin); waited != doorPatience {
			t.Errorf("turned away after %v, want %v", waited, doorPatience)
		}
	})
}

// TestDoorContext: a channel that gives up takes no place.
func TestDoorContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := NewDoor()
		for range MaxChannels {
			d.Enter(t.Context())
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if d.Enter(ctx) {
			t.Error("came in")
		}
		d.Leave()
		if !d.places.TryAcquire(1) || d.places.TryAcquire(1) {
			t.Error("not one place is free")
		}
	})
}
