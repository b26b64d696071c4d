package main

import (
	"context"
	"errors"
	"os"

	"github.com/mosha-ssh/mosha/internal/keeper"
	"github.com/mosha-ssh/mosha/internal/target"
)

type stopCmd struct {
	Host string `arg:"" optional:"" help:"The destination whose keeper is to end."`
	All  bool   `help:"End every keeper."`
}

// Run returns when the keepers are gone.
func (s stopCmd) Run() error {
	ctx := context.Background()
	if (s.Host == "") == !s.All {
		return &usageError{Text: "stop takes a host or --all"}
	}
	dirs, err := keeper.FindDirs(os.Getenv)
	if err != nil {
		return err
	}
	if s.All {
		return stopAll(ctx, dirs)
	}
	client, err := reach(ctx, dirs, s.Host)
	if err != nil {
		return err
	}
	defer client.Close()
	return client.Stop()
}

func stopAll(ctx context.Context, dirs keeper.Dirs) error {
	ids, err := keeper.IDs(dirs)
	for _, id := range ids {
		client, connectErr := keeper.Connect(ctx, dirs, id)
		if connectErr != nil {
			continue // what a killed keeper left
		}
		err = errors.Join(err, client.Stop())
		client.Close()
	}
	return err
}

// reach connects to the keeper of a destination, without spawning one.
func reach(ctx context.Context, dirs keeper.Dirs, host string) (*keeper.Client, error) {
	config, err := target.Resolve(ctx, []string{"ssh"}, host)
	if err != nil {
		return nil, err
	}
	client, err := keeper.Connect(ctx, dirs, config.ID())
	if errors.Is(err, keeper.ErrNoKeeper) {
		return nil, &noKeeperError{Host: host}
	}
	return client, err
}

// noKeeperError says that a destination has no keeper.
type noKeeperError struct{ Host string }

func (e *noKeeperError) Error() string { return "no keeper runs for " + e.Host }
