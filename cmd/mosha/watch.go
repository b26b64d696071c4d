package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/mosha-ssh/mosha/internal/explain"
	"github.com/mosha-ssh/mosha/internal/text"
	"github.com/mosha-ssh/mosha/internal/tty"
)

const (
	// watchLook is how often a watch on a terminal looks for changes.
	watchLook = 250 * time.Millisecond
	// watchRepeat is how often a block is printed where it cannot be redrawn,
	// and the longest that one stays as it is where it can.
	watchRepeat = time.Second
)

// watch looks again and again until it is interrupted, which is how a watch is
// meant to end: the exit status is the last look's. On a terminal the table is
// redrawn in place; elsewhere, and as JSON, a block follows the other.
func (s statusCmd) watch(ctx context.Context, ask func(context.Context) sighting) error {
	ctx, stop := untilInterrupted(ctx)
	defer stop()
	if !s.JSON && tty.Is(os.Stdout) {
		return s.redraw(ctx, ask)
	}
	for first := true; ; first = false {
		seen := look(ctx, ask)
		if ctx.Err() != nil {
			return s.verdict(seen)
		}
		block := s.block(seen, 0)
		if !first && !s.JSON {
			block = "\n" + block
		}
		if _, err := os.Stdout.WriteString(block); err != nil {
			return err
		}
		if !pause(ctx, watchRepeat) {
			return s.verdict(seen)
		}
	}
}

// look finishes a look that has begun: its verdict is the exit status.
func look(ctx context.Context, ask func(context.Context) sighting) sighting {
	return ask(context.WithoutCancel(ctx))
}

// untilInterrupted returns a context that ends with Ctrl-C, or when whoever
// started this program has it end.
func untilInterrupted(ctx context.Context) (context.Context, context.CancelFunc) {
	return signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
}

// block is show for a watch, which goes on where a single look would fail.
func (s statusCmd) block(seen sighting, width int) string {
	switch {
	case seen.err == nil:
		return s.show(seen, width)
	case s.JSON:
		return ""
	}
	return tty.Wrap(text.Escape(explain.Error(seen.err).Message), width)
}

// redraw shows the block on the terminal and draws it over whenever it has
// changed.
func (s statusCmd) redraw(ctx context.Context, ask func(context.Context) sighting) error {
	screen := tty.NewScreen(os.Stdout)
	defer screen.Leave()
	last, drawn := "", time.Time{}
	for {
		seen := look(ctx, ask)
		if ctx.Err() != nil {
			return s.verdict(seen)
		}
		if block := s.block(seen, tty.Width(os.Stdout)); block != last || time.Since(drawn) >= watchRepeat {
			screen.Draw(block)
			last, drawn = block, time.Now()
		}
		if !pause(ctx, watchLook) {
			return s.verdict(seen)
		}
	}
}

// pause returns false if ctx ends first.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
