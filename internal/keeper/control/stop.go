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

// stopPatience is how long a keeper may take to end. It says goodbye to the
// remote first, and gives up soon where the network is dead.
const stopPatience = 10 * time.Second

// Stop makes the keeper with this id end, and returns when it is gone. Where none
// runs, the error is ErrNoKeeper, and one that was killed does not come back
// either. It is a *SilentError when patience or ctx ends before.
func Stop(ctx context.Context, dirs rundir.Dirs, id string) error {
	ctx, cancel := context.WithTimeout(ctx, stopPatience)
	defer cancel()
	for ctx.Err() == nil {
		client, err := Connect(ctx, dirs, id)
		if err == nil {
			err = client.end()
			client.Close()
		}
		switch {
		case ctx.Err() != nil:
		case errors.Is(err, ErrGone): // it was just ending
			return nil
		case !errors.Is(err, ErrNoKeeper) || abandon(dirs.Of(id)):
			return err
		}
		select {
		case <-ctx.Done():
		case <-time.After(stopPoll):
		}
	}
	return &SilentError{Log: dirs.Log(id)}
}

// abandon sees to it that nobody takes the place of a keeper that was killed.
// It returns false if somebody is just doing so.
func abandon(dir rundir.Dir) bool {
	if _, err := os.Stat(dir.Spec()); err != nil {
		return true
	}
	return !errors.Is(sweep(dir, dir.Spec()), rundir.ErrLocked)
}
