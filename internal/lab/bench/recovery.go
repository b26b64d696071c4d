//go:build linux

package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	// recoveryRuns is how often each recovery is measured, at recoveryRTT.
	recoveryRuns = 7
	recoveryRTT  = 50 * time.Millisecond
	// recoveryLimit is how long a forwarder has. After it, the forwarder counts
	// as never having come back.
	recoveryLimit = 3 * time.Minute
	never         = time.Duration(math.MaxInt64)
)

// settling is how long a new session is left alone before an outage: least,
// and in each of several runs a larger part of spread, so that the outages are
// spread evenly over the intervals at which connections are checked.
type settling struct{ least, spread time.Duration }

func (s settling) of(run, runs int) time.Duration {
	return s.least + s.spread*time.Duration(2*run+1)/time.Duration(2*runs)
}

// measureRecoveries prints, for each outage, how long the agent takes to come
// back. All forwarders suffer it at the same moment and on the same cable.
func measureRecoveries(ctx context.Context, s *site, opts options, w io.Writer) error {
	runs := opts.runsOr(recoveryRuns)
	forwarders, err := s.forwarders(ctx)
	if err != nil {
		return err
	}
	s.lab.Cable.SetRTT(recoveryRTT)
	defer s.lab.Cable.SetRTT(0)
	t := newRecoveryTable(w, forwarders)
	t.begin(runs)
	for _, o := range opts.outages {
		results := make([]sample, len(forwarders))
		for run := range runs {
			took, err := s.suffer(ctx, forwarders, o, opts.settle.of(run, runs))
			if err != nil {
				return fmt.Errorf("%s: %w", o.name, err)
			}
			for i := range took {
				results[i] = append(results[i], took[i])
			}
		}
		t.row(o.name, results)
	}
	t.end()
	return nil
}

// recoveriesTake assumes that the slowest forwarder needs most of a minute.
func recoveriesTake(opts options) time.Duration {
	const overhead, slowest = 5 * time.Second, 45 * time.Second
	var sum time.Duration
	for _, o := range opts.outages {
		sum += overhead + opts.settle.least + opts.settle.spread/2 + o.lasts + slowest
	}
	return sum * time.Duration(opts.runsOr(recoveryRuns))
}

// suffer starts all forwarders, lets the outage happen to them, and returns how
// long after its end the agent works through each again.
func (s *site) suffer(ctx context.Context, forwarders []*forwarder, o outage, settle time.Duration) ([]time.Duration, error) {
	all, err := startAll(ctx, forwarders)
	if err != nil {
		return nil, err
	}
	links := make([]string, len(forwarders))
	for i, f := range forwarders {
		links[i] = f.pair.link()
	}
	pause(ctx, settle)
	over, err := o.happen(ctx, s, links)
	if err != nil {
		return nil, err
	}
	took := make([]time.Duration, len(links))
	var waiting sync.WaitGroup
	for i, link := range links {
		waiting.Go(func() { took[i] = recovery(ctx, link, over) })
	}
	waiting.Wait()
	return took, endAll(ctx, all, took)
}

func startAll(ctx context.Context, forwarders []*forwarder) ([]*running, error) {
	all := make([]*running, len(forwarders))
	var group errgroup.Group
	for i, f := range forwarders {
		group.Go(func() (err error) {
			all[i], err = f.start(ctx)
			return err
		})
	}
	return all, group.Wait()
}

// endAll checks that each agent that came back works in the session too, and
// ends all sessions.
func endAll(ctx context.Context, all []*running, took []time.Duration) error {
	var group errgroup.Group
	for i, r := range all {
		group.Go(func() error {
			if took[i] != never {
				if err := r.check(ctx); err != nil {
					return fmt.Errorf("%s: %w", r.name, err)
				}
			}
			return r.end(ctx)
		})
	}
	return group.Wait()
}

// pause waits for that long, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}
