package netevent

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"sync"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"
)

const (
	// slack is how long a gap must be to count. A busy machine may be late by
	// less, and a daemon that keeps the time puts the clock forward by less.
	slack = 2 * time.Second
	// lookEvery is how often the clocks are read where the kernel does not
	// report sleep. Mostly the network shows it there, as its links come up
	// again. lookSeldom is for where the kernel reports sleep: then the clocks
	// have to show only a process that was frozen without a signal, or a whole
	// virtual machine. Every look wakes Go's scheduler up, for some 0.1 ms of
	// CPU.
	lookEvery  = 3 * time.Second
	lookSeldom = 30 * time.Second
)

// reading is what the clocks show in one moment.
type reading struct {
	wall time.Time     // with no monotonic reading in it
	mono time.Duration // since some moment in the life of the process
}

// clocks returns a function that reads the system's clocks.
func clocks() func() reading {
	start := time.Now()
	return func() reading {
		now := time.Now()
		return reading{wall: now.Round(0), mono: now.Sub(start)}
	}
}

// gap finds time in which nothing ran. Where the monotonic clock stands still
// during sleep (Linux, macOS), the wall clock runs ahead of it. Where it does
// not, or the process alone was stopped, the next reading comes too late. A
// wall clock that is put forward counts as sleep, and may be that: a machine
// without a clock of its own learns from the network how long it slept. One
// that is put back is no sign of anything.
type gap struct {
	every time.Duration // between two readings there is at most this
	last  reading
}

// found takes a reading and reports whether there was a gap since the last one.
func (g *gap) found(now reading) bool {
	wall, mono := now.wall.Sub(g.last.wall), now.mono-g.last.mono
	g.last = now
	return wall-mono > slack || mono > g.every+slack
}

// vigil is what shows a wake.
type vigil struct {
	read      func() reading
	every     time.Duration
	set       <-chan struct{}  // the wall clock was set, or the machine has resumed; may be nil
	continued <-chan os.Signal // SIGCONT
}

// keep calls woke for every wake until ctx ends.
func (v vigil) keep(ctx context.Context, woke func()) {
	g := gap{every: v.every, last: v.read()}
	tick := time.NewTicker(v.every)
	defer tick.Stop()
	for {
		var stopped bool
		select {
		case <-tick.C:
		case <-v.set:
		case <-v.continued:
			stopped = true
		case <-ctx.Done():
			return
		}
		if g.found(v.read()) || stopped {
			woke()
		}
	}
}

// watchClocks calls woke for every wake, in goroutines of running, until ctx
// ends and the function that it returns is called.
func watchClocks(ctx context.Context, running *sync.WaitGroup, log zerolog.Logger, woke func()) (stop func()) {
	v := vigil{read: clocks(), every: lookEvery}
	set, stop, err := watchSet(running)
	switch {
	case err == nil:
		v.set, v.every = set, lookSeldom
	case !errors.Is(err, errors.ErrUnsupported):
		log.Warn().Err(err).Msg("the clock's being set cannot be watched")
	}
	continued := make(chan os.Signal, 1)
	signal.Notify(continued, unix.SIGCONT)
	v.continued = continued
	running.Go(func() {
		defer signal.Stop(continued)
		v.keep(ctx, woke)
	})
	return stop
}
