package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"golang.org/x/term"

	"github.com/mosha-ssh/mosha/internal/explain"
	"github.com/mosha-ssh/mosha/internal/text"
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
	if !s.JSON && term.IsTerminal(int(os.Stdout.Fd())) {
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
	return wrapped(text.Escape(explain.Error(seen.err).Message), width)
}

// redraw shows the block on the terminal and draws it over whenever it has
// changed.
func (s statusCmd) redraw(ctx context.Context, ask func(context.Context) sighting) error {
	screen := newScreen(os.Stdout)
	defer screen.leave()
	last, drawn := "", time.Time{}
	for {
		seen := look(ctx, ask)
		if ctx.Err() != nil {
			return s.verdict(seen)
		}
		if block := s.block(seen, widthOf(os.Stdout)); block != last || time.Since(drawn) >= watchRepeat {
			screen.draw(block)
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

// screen draws a block of lines over the one before. It uses what every
// terminal of the last decades understands (ECMA-48, DEC private modes 7 and
// 25): lines that are too long are cut rather than wrapped, since a wrapped
// line would be two to the cursor.
type screen struct {
	out   *os.File
	lines int // drawn last time; the cursor is below them
}

func newScreen(out *os.File) *screen {
	_, _ = out.WriteString("\x1b[?25l\x1b[?7l")
	return &screen{out: out}
}

func (s *screen) draw(block string) {
	lines := strings.Split(strings.TrimSuffix(block, "\n"), "\n")
	if _, rows, err := term.GetSize(int(s.out.Fd())); err == nil && rows > 1 && len(lines) >= rows {
		lines = lines[:rows-1]
	}
	var b strings.Builder
	if s.lines > 0 {
		fmt.Fprintf(&b, "\x1b[%dA", s.lines)
	}
	for _, line := range lines {
		b.WriteString("\r" + line + "\x1b[K\n")
	}
	b.WriteString("\x1b[J")
	_, _ = s.out.WriteString(b.String())
	s.lines = len(lines)
}

// erase takes the block off the terminal.
func (s *screen) erase() {
	if s.lines > 0 {
		fmt.Fprintf(s.out, "\x1b[%dA\r\x1b[J", s.lines)
		s.lines = 0
	}
}

// leave gives the terminal back as it was, the block still on it.
func (s *screen) leave() { _, _ = s.out.WriteString("\r\x1b[J\x1b[?7h\x1b[?25h") }
