package keeper

import (
	"testing"
	"testing/synctest"

	"github.com/mosha-ssh/mosha/internal/sshconn"
)

// TestRefusedTwoPersons: one hears of a refusal and leaves, and another comes
// before the keeper has looked: the server is asked again for the second.
func TestRefusedTwoPersons(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := spareKeeper(t)
		k.kept = true
		_, leave := k.attend(true)
		done := make(chan error, 1)
		go func() {
			done <- k.pause(t.Context(), &attempt{k: k, attended: true}, &sshconn.AuthError{}, 0, new(backoff))
		}()
		synctest.Wait()
		if k.state != NeedsAuth {
			t.Fatalf("state %s, want %s", k.state, NeedsAuth)
		}
		k.mu.Lock() // nobody looks meanwhile
		change := k.change
		k.change = make(chan struct{})
		k.mu.Unlock()
		leave()
		_, leave = k.attend(true)
		defer leave()
		close(change)
		synctest.Wait()
		select {
		case err := <-done:
			if err != nil {
				t.Error(err)
			}
		default:
			t.Errorf("the second person waits, in state %s", k.state)
		}
	})
}
