package main

import (
	"os"

	"github.com/mosha-ssh/mosha/internal/keeper"
)

// keeperCmd is the background process; a launcher spawns it.
type keeperCmd struct{}

// Run serves until nobody needs the keeper. Its failures are reported to the
// launcher and written to its log.
func (keeperCmd) Run() error {
	if err := keeper.Run(os.Stdin); err != nil {
		return &exitError{Code: exitFailure}
	}
	return nil
}
