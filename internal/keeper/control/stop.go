package control

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/mosha-ssh/mosha/internal/keeper/rundir"
)

// stopPoll is how often Stop looks again for a keeper that is just starting.
const stopPoll = 10 * time.Millisecond

// Stop has the keeper with this id end, and returns when it is gone. Where none
// runs, the error is ErrNoKeeper, and one that was killed does not come back
// either. It is a *SilentError when ctx ends before.
func Stop(ctx context.Context, dirs rundir.Dirs, id string) error {
	for {
		client, err := Connect(ctx, dirs, id)
		if err == nil {
			defer client.Close()
			return client.Stop()
		}
		if !errors.Is(err, ErrNoKeeper) || abandon(dirs.Of(id)) {
			return err
		}
		select {
		case <-ctx.Done():
			return &SilentError{Log: dirs.Log(id)}
		case <-time.After(stopPoll):
		}
	}
}

// abandon sees to it that nobody takes the place of a keeper that was killed.
// It returns false if somebody is just doing so.
func abandon(dir rundir.Dir) bool {
	if _, err := os.Stat(dir.Spec()); err != nil {
		return true
	}
	return !errors.Is(sweep(dir, dir.Spec()), rundir.ErrLocked)
}
