package main

import (
	"context"
	"errors"
	"os"

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
	err = control.Stop(ctx, dest.dirs, dest.config.ID())
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
		err := control.Stop(ctx, dirs, who.host)
		if errors.Is(err, control.ErrNoKeeper) {
			return nil // what a killed keeper left
		}
		return err
	})
}
