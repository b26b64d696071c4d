package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/mosha-ssh/mosha/internal/explain"
	"github.com/mosha-ssh/mosha/internal/keeper/control"
	"github.com/mosha-ssh/mosha/internal/keeper/rundir"
	"github.com/mosha-ssh/mosha/internal/text"
	"github.com/mosha-ssh/mosha/internal/tty"
)

type statusCmd struct {
	sshFlag
	Host  string `arg:"" optional:"" placeholder:"[user@]host" help:"Only this destination; the exit status is then 0 if its connection is up."`
	JSON  bool   `help:"Print JSON, an object a line for each connection."`
	Watch bool   `help:"Go on until Ctrl-C. The exit status is then that of the last look."`
}

// Run prints a row for each connection. For one host it fails unless that is up.
func (s statusCmd) Run() error {
	ctx := context.Background()
	ask, err := s.whom(ctx)
	if err != nil {
		return err
	}
	if s.Watch {
		return s.watch(ctx, ask)
	}
	seen := ask(ctx)
	if seen.err != nil {
		return seen.err
	}
	if _, err := os.Stdout.WriteString(s.show(seen, tty.Width(os.Stdout))); err != nil {
		return err
	}
	return s.verdict(seen)
}

// sighting is what one look at the keepers showed.
type sighting struct {
	alive   []*control.Status
	unknown []control.Unknown // those that did not say
	err     error
}

// whom returns how to look at the keepers that the command line names.
func (s statusCmd) whom(ctx context.Context) (func(context.Context) sighting, error) {
	if s.Host == "" {
		dirs, err := rundir.Find(os.Getenv)
		return func(ctx context.Context) sighting {
			alive, unknown, err := control.All(ctx, dirs)
			return sighting{alive, unknown, err}
		}, err
	}
	dest, err := find(ctx, s.SSH, &person{host: s.Host})
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) sighting {
		status, err := control.StatusOf(ctx, dest.dirs, dest.config.ID())
		if errors.Is(err, control.ErrNoKeeper) {
			err = explain.NoKeeper(s.Host)
		}
		if err != nil {
			return sighting{err: err}
		}
		return sighting{alive: []*control.Status{status}}
	}, nil
}

// verdict is an error unless the one host that was asked about is up.
func (s statusCmd) verdict(seen sighting) error {
	if s.Host == "" || len(seen.alive) == 1 && seen.alive[0].State == control.Up {
		return nil
	}
	return &exitError{Code: explain.ExitNotUp}
}

// show returns what is printed of a look, for a terminal that is so many columns
// wide; 0 for anything else.
func (s statusCmd) show(seen sighting, width int) string {
	if s.JSON {
		return jsonLines(seen)
	}
	return table(seen, width)
}

// jsonLines has one object a line. A connection that did not answer has none:
// stderr names it.
func jsonLines(seen sighting) string {
	var b strings.Builder
	for _, status := range seen.alive {
		if err := json.NewEncoder(&b).Encode(status); err != nil {
			say("%v", err)
		}
	}
	for _, u := range seen.unknown {
		say("%s", unknownLine(u))
	}
	return b.String()
}

// table has a row for each connection, and below them what they lack.
func table(seen sighting, width int) string {
	if len(seen.alive)+len(seen.unknown) == 0 {
		return explain.NoneRuns + "\n"
	}
	var b strings.Builder
	if len(seen.alive) > 0 {
		b.WriteString(rows(seen.alive, width))
	}
	for _, s := range seen.alive {
		for _, line := range remarks(s) {
			b.WriteString(tty.Wrap(text.Escape(s.Destination+": "+line), width))
		}
	}
	for _, u := range seen.unknown {
		b.WriteString(tty.Wrap(text.Escape(unknownLine(u)), width))
	}
	return b.String()
}

func rows(all []*control.Status, width int) string {
	t := tty.Table{{Title: "HOST"}, {Title: "STATE"}, {Title: "SESSIONS", Spare: 5}, {Title: "ROUND TRIP", Spare: 3},
		{Title: "CONNECTED SINCE", Spare: 4}, {Title: "RECONNECTS", Spare: 2}, {Title: "AGENT REQUESTS", Spare: 1}, {Title: "AGENT"}}
	for _, s := range all {
		t.Add(text.Escape(s.Destination), stateWords(s), sessionWords(s), explain.RoundTrip(s.Trip), sinceWords(s),
			fmt.Sprint(s.Reconnects), fmt.Sprint(s.Requests), orNone(text.Escape(s.Link)))
	}
	return t.String(width)
}

// remarks are the lines below the table: what a connection lacks, and what a
// person can do about it.
func remarks(s *control.Status) []string {
	lines := s.Problems
	for _, t := range s.Tunnels {
		if t.Problem != "" {
			lines = append(lines[:len(lines):len(lines)], t.Option+": "+t.Problem)
		}
	}
	if s.Reason != "" {
		lines = append([]string{"OpenSSH carries the connection: " + s.Reason}, lines...)
	}
	if s.State == control.NeedsAuth {
		lines = append(lines[:len(lines):len(lines)], "it tries again when you do: mosha reconnect "+s.Destination)
	}
	return lines
}

func unknownLine(u control.Unknown) string {
	f := explain.Error(u.Err)
	return fmt.Sprintf("%s: %s (%s)", u.ID, f.Message, f.Hint)
}

func stateWords(s *control.Status) string {
	switch s.State {
	case control.Lost:
		return fmt.Sprintf("lost for %.0f s", math.Floor(s.Lost))
	case control.Waiting:
		return fmt.Sprintf("retrying in %.0f s", math.Ceil(s.Retry))
	}
	return text.Escape(string(s.State))
}

func sessionWords(s *control.Status) string {
	if s.Kept {
		return fmt.Sprintf("%d, kept", s.Sessions)
	}
	return fmt.Sprint(s.Sessions)
}

func sinceWords(s *control.Status) string {
	if s.State != control.Up {
		return orNone("")
	}
	return s.Since.Local().Format("2006-01-02 15:04")
}

// orNone puts a dash where there is nothing to say.
func orNone(words string) string {
	if words == "" {
		return "-"
	}
	return words
}

const (
	// watchLook is how often a watch on a terminal looks for changes.
	watchLook = 250 * time.Millisecond
	// watchRepeat is how often a block is printed where it cannot be redrawn,
	// and the longest that one stays as it is where it can.
	watchRepeat = time.Second
)

// watch looks again and again until it is interrupted. The exit status is that of
// the last look. On a terminal it redraws the table in place; elsewhere, and as
// JSON, it prints one block after the other.
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

// look finishes although the watch ends meanwhile: its verdict is the exit
// status.
func look(ctx context.Context, ask func(context.Context) sighting) sighting {
	return ask(context.WithoutCancel(ctx))
}

// untilInterrupted returns a context that ends with Ctrl-C, or with another
// signal that ends a program.
func untilInterrupted(ctx context.Context) (context.Context, context.CancelFunc) {
	return signal.NotifyContext(ctx, tty.Ending()...)
}

// block is show for a watch. It goes on where a single look would fail.
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
