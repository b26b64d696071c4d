package keeper

import (
	"errors"
	"os"
	"testing"
)

// TestLauncherIsGone: a keeper that nobody hears say that it listens leaves no
// socket behind.
func TestLauncherIsGone(t *testing.T) {
	k := spareKeeper(t)
	gone := errors.New("nobody reads")
	if err := k.live(t.Context(), func(error) error { return gone }); !errors.Is(err, gone) {
		t.Errorf("it ended with %v", err)
	}
	if _, err := os.Stat(k.dir.Socket()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket: %v", err)
	}
}
