//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/mosha-ssh/mosha/internal/lab"
)

// launchRuns is how often each launch is measured.
const launchRuns = 11

// launcher is one way into a session.
type launcher struct {
	name    string
	pair    *pair
	command []string
	// open brings up what the launches at one round trip time need, and returns
	// what ends it. before runs ahead of every launch. Neither is measured.
	// Each is nil if there is nothing to do.
	open   func(context.Context) (end func() error, err error)
	before func(context.Context) error
}

// The launchers, in the order of the table.
const (
	plainMosh = iota
	overMaster
	moshaCold
	moshaFirst
	moshaUp
	launcherCount
)

// measureLaunches prints a table for each round trip time. The launchers take
// turns, so that a slow moment of the machine hits all of them.
func measureLaunches(ctx context.Context, s *site, opts options, w io.Writer) error {
	runs := opts.runsOr(launchRuns)
	launchers, err := s.launchers(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "\nTime from the start of the command until the shell's first output, in ms; runs: %d\n", runs)
	for _, rtt := range opts.rtts {
		s.lab.Cable.SetRTT(rtt)
		results, err := takeTurns(ctx, launchers, runs)
		if err != nil {
			return fmt.Errorf("at %v: %w", rtt, err)
		}
		printLaunches(w, rtt, launchers, results)
	}
	s.lab.Cable.SetRTT(0)
	return nil
}

func launchesTake(opts options) time.Duration {
	const opening, launch, roundTrips = 10 * time.Second, time.Second, 8
	var sum time.Duration
	for _, rtt := range opts.rtts {
		sum += opening + time.Duration(launcherCount*opts.runsOr(launchRuns))*(launch+roundTrips*rtt)
	}
	return sum
}

// launchers makes all of them, each for a pair of its own.
func (s *site) launchers(ctx context.Context) ([]*launcher, error) {
	launchers := make([]*launcher, launcherCount)
	for i := range launchers {
		p, err := s.newPair()
		if err != nil {
			return nil, err
		}
		launchers[i] = s.launcher(i, p)
	}
	for _, i := range []int{moshaCold, moshaUp} {
		if err := s.setUp(ctx, launchers[i].pair); err != nil {
			return nil, err
		}
	}
	return launchers, nil
}

func (s *site) launcher(which int, p *pair) *launcher {
	l := &launcher{pair: p, command: []string{s.mosha, "devbox"}}
	switch which {
	case plainMosh:
		l.name = "mosh"
		l.command = []string{"mosh", "devbox"}
	case overMaster:
		l.name = "mosh, ControlMaster open"
		l.command = []string{"mosh", "--ssh=ssh -S " + p.master(), "--experimental-remote-ip=remote", "devbox"}
		l.open = p.openMaster
	case moshaCold:
		l.name = "mosha, cold"
	case moshaFirst:
		l.name = "mosha, cold, first set-up"
		l.before = p.undoSetUp
	case moshaUp:
		l.name = "mosha, keeper up"
		l.open = func(ctx context.Context) (func() error, error) { return s.openKeeper(ctx, p) }
	}
	return l
}

// setUp sets the remote up as a first launch would.
func (s *site) setUp(ctx context.Context, p *pair) error {
	out, err := p.me.Command(ctx, s.mosha, "--setup-only", "devbox").CombinedOutput()
	if err != nil {
		return fmt.Errorf("mosha --setup-only: %w: %s", err, out)
	}
	return p.me.WaitGone(ctx, s.mosha)
}

// undoSetUp leaves the remote as it was before any set-up: the home was empty.
func (p *pair) undoSetUp(ctx context.Context) error {
	out, err := p.dev.Command(ctx, "rm", "-f", ".ssh/rc", ".bashrc", ".profile", ".ssh/ssh_auth_sock").CombinedOutput()
	if err != nil {
		return fmt.Errorf("rm: %w: %s", err, out)
	}
	return nil
}

// master is the control socket of the pair's ControlMaster.
func (p *pair) master() string { return p.me.Path(".ssh/master") }

// openMaster brings up an OpenSSH ControlMaster.
func (p *pair) openMaster(ctx context.Context) (end func() error, err error) {
	ssh := p.me.Command(ctx, "ssh", "-M", "-N", "-S", p.master(), "devbox")
	if err := ssh.Start(); err != nil {
		return nil, err
	}
	end = func() error {
		err := p.me.Command(ctx, "ssh", "-S", p.master(), "-O", "exit", "devbox").Run()
		_ = ssh.Wait() // says what -O exit has made of it
		return err
	}
	return end, lab.Eventually(ctx, "the ControlMaster is open", func() (bool, error) {
		return p.me.Command(ctx, "ssh", "-S", p.master(), "-O", "check", "devbox").Run() == nil, nil
	})
}

// openKeeper opens a session, which keeps the keeper up.
func (s *site) openKeeper(ctx context.Context, p *pair) (end func() error, err error) {
	quiet := p.processes()
	window, err := p.window(ctx, s.mosha, "devbox")
	return func() error { return p.leave(ctx, window, quiet) }, err
}

// takeTurns measures every launcher runs times.
func takeTurns(ctx context.Context, launchers []*launcher, runs int) (results []sample, err error) {
	for _, l := range launchers {
		if l.open == nil {
			continue
		}
		end, openErr := l.open(ctx)
		if openErr != nil {
			return nil, fmt.Errorf("%s: %w", l.name, openErr)
		}
		defer func() { err = errors.Join(err, end()) }()
	}
	results = make([]sample, len(launchers))
	for run := range runs {
		for turn := range launchers {
			i := (run + turn) % len(launchers) // none is always the first
			took, err := launchers[i].launch(ctx)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", launchers[i].name, err)
			}
			results[i] = append(results[i], took)
		}
	}
	return results, nil
}

// launch measures one launch, leaves the session, and returns when all that it
// started is gone.
func (l *launcher) launch(ctx context.Context) (time.Duration, error) {
	if l.before != nil {
		if err := l.before(ctx); err != nil {
			return 0, err
		}
	}
	quiet := l.pair.processes()
	began := time.Now()
	window, err := l.pair.window(ctx, l.command...)
	took := time.Since(began)
	if err != nil {
		return 0, err
	}
	return took, l.pair.leave(ctx, window, quiet)
}

// leave ends a session as a person does and waits until the pair runs no more
// than so many processes: the keeper, too, is gone if it is not needed.
func (p *pair) leave(ctx context.Context, window *lab.Terminal, quiet int) error {
	if err := window.Send("exit\r"); err != nil {
		return err
	}
	if _, err := window.Wait(ctx); err != nil {
		return err
	}
	return lab.Eventually(ctx, "what belongs to the session is gone", func() (bool, error) {
		return p.processes() <= quiet, nil
	})
}
