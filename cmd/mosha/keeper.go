package main

import (
	"os"

	"github.com/mosha-ssh/mosha/internal/explain"
	"github.com/mosha-ssh/mosha/internal/keeper"
	"github.com/mosha-ssh/mosha/internal/tty"
)

// keeperCmd is the background process; a launcher spawns it, or the guardian
// of one that was killed.
type keeperCmd struct {
	Resume string `help:"The spec of the keeper whose place it takes."`
}

// Run serves until nobody needs the keeper. Its failures are reported to the
// launcher and written to its log.
func (c keeperCmd) Run() error {
	if tty.Is(os.Stdin) {
		return ownCommand("keeper")
	}
	err := error(nil)
	if c.Resume != "" {
		err = keeper.Resume(c.Resume)
	} else {
		err = keeper.Run(os.Stdin)
	}
	if err != nil {
		return &exitError{Code: explain.ExitHere}
	}
	return nil
}
