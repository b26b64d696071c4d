package main

import (
	"fmt"
	"slices"

	"github.com/alecthomas/kong"

	"github.com/mosha-ssh/mosha/internal/explain"
)

// helpCmd is --help of a command, where some people look for it.
type helpCmd struct {
	Command string `arg:"" optional:"" help:"Of which command; of all if there is none."`
}

// Run prints it.
func (h helpCmd) Run(ctx *kong.Context) error {
	if h.Command == "" {
		_, err := ctx.Parse([]string{"--help"})
		return err
	}
	names := commandNames(ctx.Model)
	if !slices.Contains(names, h.Command) {
		return explain.Usage(fmt.Sprintf("there is no command %q", h.Command), didYouMean(nearest(h.Command, names)))
	}
	_, err := ctx.Parse([]string{h.Command, "--help"})
	return err
}

// versionCmd is --version, where some people look for it.
type versionCmd struct{}

// Run prints it.
func (versionCmd) Run(ctx *kong.Context) error {
	_, err := ctx.Parse([]string{"--version"})
	return err
}
