//go:build linux

// Bench measures mosha beside mosh and autossh, in one run and on the same
// cable, and prints tables as plain text:
//
//	launch    from the start of the command until the shell's first output
//	idle      memory and CPU of what forwards an agent that nobody uses
//	recovery  from an outage's end until the agent works again
//
// Call it as root from within the module. Below each table it judges whether
// the targets are held. That does not change the exit status, which tells only
// whether everything could be measured.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

func main() {
	// As `make build` builds mosha, whose memory is measured too.
	os.Setenv("CGO_ENABLED", "0")
	opts, err := parseFlags(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		os.Exit(2) // flag has said why
	}
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGHUP, unix.SIGINT, unix.SIGTERM)
	defer stop()
	if err := run(ctx, opts, os.Stdout); err != nil {
		fmt.Fprintf(os.Stderr, "bench: %v\n", err)
		os.Exit(1)
	}
}

// options are what to measure.
type options struct {
	tables []string
	runs   int // of each measurement; 0: as many as the table asks for
	rtts   []time.Duration
	settle settling
	// How long idle processes are watched, and how often mosha's connection is
	// broken before it is watched again.
	idle       time.Duration
	reconnects int
	outages    []outage
}

// runsOr returns how often to measure where so many runs are usual.
func (o options) runsOr(usual int) int {
	if o.runs > 0 {
		return o.runs
	}
	return usual
}

// A table measures what the options want and writes the result to w. takes
// returns about how long that will be.
type table struct {
	name    string
	takes   func(options) time.Duration
	measure func(context.Context, *site, options, io.Writer) error
}

var tables = []table{
	{"launch", launchesTake, measureLaunches},
	{"idle", idleTakes, measureIdle},
	{"recovery", recoveriesTake, measureRecoveries},
}

// wanted returns the tables that the options name.
func (o options) wanted() []table {
	if o.tables == nil {
		return tables
	}
	return slices.DeleteFunc(slices.Clone(tables), func(t table) bool { return !slices.Contains(o.tables, t.name) })
}

const defaultRTTs = "0,50,150" // ms

func parseFlags(args []string) (options, error) {
	opts := options{settle: settling{least: 5 * time.Second, spread: 15 * time.Second}}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.Func("tables", "comma-separated `names`: launch, idle, recovery (default all)", func(s string) error {
		opts.tables = strings.Split(s, ",")
		return checkTables(opts.tables)
	})
	flags.IntVar(&opts.runs, "n", 0, "`runs` of each measurement (default 11 for launch, 7 for recovery)")
	setRTTs := func(s string) (err error) {
		opts.rtts, err = milliseconds(s)
		return err
	}
	flags.Func("rtt", "comma-separated round trip times for launch, in `ms` (default "+defaultRTTs+")", setRTTs)
	flags.DurationVar(&opts.idle, "idle", time.Minute, "`time` for which idle processes are watched")
	flags.IntVar(&opts.reconnects, "reconnects", 50, "`number` of reconnects before mosha's memory is measured again")
	setOutages := func(s string) (err error) {
		opts.outages, err = parseOutages(s)
		return err
	}
	flags.Func("outages", "comma-separated `list` for recovery (default "+defaultOutages+")", setOutages)
	err := errors.Join(setRTTs(defaultRTTs), setOutages(defaultOutages), flags.Parse(args))
	return opts, err
}

func checkTables(names []string) error {
	for _, name := range names {
		if !slices.ContainsFunc(tables, func(t table) bool { return t.name == name }) {
			return fmt.Errorf("no such table: %s", name)
		}
	}
	return nil
}

func milliseconds(list string) ([]time.Duration, error) {
	var durations []time.Duration
	for s := range strings.SplitSeq(list, ",") {
		ms, err := strconv.ParseUint(s, 10, 16)
		if err != nil {
			return nil, err
		}
		durations = append(durations, time.Duration(ms)*time.Millisecond)
	}
	return durations, nil
}

// run measures the wanted tables one after the other, on one site.
func run(ctx context.Context, opts options, w io.Writer) (err error) {
	s, err := newSite()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.lab.Close()) }()
	var takes time.Duration
	for _, t := range opts.wanted() {
		takes += t.takes(opts)
	}
	fmt.Fprintf(w, "This takes about %.0f min.\n", math.Ceil(takes.Minutes()))
	for _, t := range opts.wanted() {
		if err := t.measure(ctx, s, opts, w); err != nil {
			return fmt.Errorf("%s: %w", t.name, err)
		}
	}
	return nil
}
