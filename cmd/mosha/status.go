package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"strings"

	"github.com/mosha-ssh/mosha/internal/explain"
	"github.com/mosha-ssh/mosha/internal/keeper/control"
	"github.com/mosha-ssh/mosha/internal/keeper/rundir"
	"github.com/mosha-ssh/mosha/internal/text"
	"github.com/mosha-ssh/mosha/internal/tty"
)

type statusCmd struct {
	sshFlag
	Host  string `arg:"" optional:"" placeholder:"[user@]host" help:"Only this destination; the exit status then says whether its connection is up."`
	JSON  bool   `help:"Print JSON, an object a line for each connection."`
	Watch bool   `help:"Go on until Ctrl-C. The exit status is then that of the last look."`
}

// Run prints a row a connection. For one host it fails unless that is up.
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

// whom returns how to look at the keepers that were asked about.
func (s statusCmd) whom(ctx context.Context) (func(context.Context) sighting, error) {
	if s.Host == "" {
		dirs, err := rundir.Find(os.Getenv)
		return func(ctx context.Context) sighting {
			alive, unknown, err := control.All(ctx, dirs)
			return sighting{alive, unknown, err}
		}, err
	}
	dest, err := find(ctx, s.SSH, s.Host, &person{})
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

// jsonLines has one object a line. Of a connection that did not answer it has
// none; that is said beside it.
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

// table has a row a connection and below it what they lack.
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

// orNone stands a dash where there is nothing to say.
func orNone(words string) string {
	if words == "" {
		return "-"
	}
	return words
}
