package main

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/mosha-ssh/mosha/internal/explain"
	"github.com/mosha-ssh/mosha/internal/keeper/control"
	"github.com/mosha-ssh/mosha/internal/keeper/rundir"
)

type stopCmd struct {
	sshFlag
	Hosts []string `arg:"" optional:"" name:"host" placeholder:"[user@]host" help:"Destinations, as for ssh."`
	All   bool     `help:"End all of them."`
}

// Run returns when the keepers are gone.
func (s stopCmd) Run() error {
	if (len(s.Hosts) == 0) == !s.All {
		return explain.Usage("stop takes hosts or --all", "")
	}
	if s.All {
		return stopAll()
	}
	return each(s.Hosts, "stopped", 1, s.stop)
}

func (s stopCmd) stop(ctx context.Context, who *person) error {
	dest, err := find(ctx, s.SSH, who)
	if err != nil {
		return err
	}
	err = stop(ctx, dest.dirs, dest.config.ID())
	if errors.Is(err, control.ErrNoKeeper) {
		return explain.NoKeeper(who.host)
	}
	return err
}

func stopAll() error {
	dirs, err := rundir.Find(os.Getenv)
	if err != nil {
		return err
	}
	ids, err := dirs.IDs()
	if err != nil {
		return err
	}
	return each(ids, "stopped", 1, func(ctx context.Context, who *person) error {
		err := stop(ctx, dirs, who.host)
		if errors.Is(err, control.ErrNoKeeper) {
			return nil // what a killed keeper left
		}
		return err
	})
}

// stopPatience is how long a keeper may take to end. It says goodbye to the
// remote first, and gives up soon where the network is dead.
const stopPatience = 10 * time.Second

// stop ends one keeper and returns when it is gone.
func stop(ctx context.Context, dirs rundir.Dirs, id string) error {
	ctx, cancel := context.WithTimeout(ctx, stopPatience)
	defer cancel()
	err := control.Stop(ctx, dirs, id)
	switch {
	case ctx.Err() != nil:
		return &control.SilentError{Log: dirs.Log(id)}
	case errors.Is(err, control.ErrGone): // it was just ending
		return nil
	}
	return err
}
