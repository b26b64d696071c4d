//go:build linux

// Demo runs mosha against a throwaway sshd on this computer.
//
//	demo MOSHA            a person lands in a mosh session
//	demo MOSHA COMMAND    only this command runs in it; its output and its exit status are the demo's
//
// It makes key, agent, sshd, and the home directories of both sides, and
// removes them at its end. It runs as the calling user, and neither reads nor
// writes anything in that person's home directory.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"

	"golang.org/x/sys/unix"
)

func main() {
	status, err := run(os.Args[1:])
	if err != nil {
		fmt.Fprintf(os.Stderr, "demo: %v\n", err)
		status = max(status, 1)
	}
	os.Exit(status)
}

func run(args []string) (status int, err error) {
	if len(args) < 1 || len(args) > 2 {
		return 2, errors.New("usage: demo MOSHA [COMMAND]")
	}
	// A signal ends mosha, and with it the demo in its usual way. mosha gets a
	// Ctrl-C from the terminal itself, and in a session it is a key like
	// others. (Not signal.Ignore, which mosha would inherit.)
	signal.Notify(make(chan os.Signal, 1), unix.SIGINT)
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGHUP, unix.SIGTERM)
	defer stop()

	if err := adoptOrphans(); err != nil {
		return 1, err
	}
	s, err := newStage(ctx, args[0])
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, s.strike()) }()
	if len(args) == 2 {
		return s.runCommand(ctx, args[1])
	}
	return s.runShell(ctx)
}
