//go:build linux

package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mosha-ssh/mosha/internal/lab"
)

// What an idle keeper may use.
const (
	memoryTarget = 8_000_000             // bytes
	cpuTarget    = 10 * time.Millisecond // a minute
)

// footprint is what idle processes use together.
type footprint struct {
	memory int           // PSS in bytes
	cpu    time.Duration // a minute
}

// measureIdle prints what each forwarder uses while nobody asks it anything,
// and what mosha's uses after many reconnects. They run one after the other:
// processes of one program share memory, which then counts less for each.
func measureIdle(ctx context.Context, s *site, opts options, w io.Writer) error {
	forwarders, err := s.forwarders(ctx)
	if err != nil {
		return err
	}
	s.lab.Cable.SetRTT(recoveryRTT)
	defer s.lab.Cable.SetRTT(0)
	fmt.Fprintf(w, "\nWhat forwarding an agent uses while nobody asks it anything, for %v at %d ms RTT\n",
		opts.idle, recoveryRTT.Milliseconds())
	fmt.Fprintf(w, "\n%-31s %12s %16s\n", "", "PSS, MB", "CPU, ms/minute")
	var most footprint // of mosha's
	for i, f := range forwarders {
		reconnects := []int{0}
		if i == moshaForwards {
			reconnects = []int{0, opts.reconnects}
		}
		used, err := s.idle(ctx, f, opts, reconnects)
		if err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
		for n, u := range used {
			printFootprint(w, f.name, reconnects[n], u)
			if i == moshaForwards {
				most = footprint{max(most.memory, u.memory), max(most.cpu, u.cpu)}
			}
		}
	}
	fmt.Fprintf(w, "at most 8 MB: %s\n", verdict(most.memory <= memoryTarget))
	fmt.Fprintf(w, "at most 10 ms of CPU a minute: %s\n", verdict(most.cpu <= cpuTarget))
	return nil
}

func idleTakes(opts options) time.Duration {
	const opening, reconnect = 5 * time.Second, time.Second
	return (forwarderCount+1)*(opening+opts.settle.least+opts.settle.spread+opts.idle) + time.Duration(opts.reconnects)*reconnect
}

func printFootprint(w io.Writer, name string, reconnects int, used footprint) {
	if reconnects > 0 {
		name = fmt.Sprintf("%s, after %d reconnects", name, reconnects)
	}
	fmt.Fprintf(w, "%-31s %12.2f %16.1f\n", name, float64(used.memory)/1e6, float64(used.cpu)/1e6)
}

// idle starts a forwarder and returns what it uses after each of these numbers
// of reconnects.
func (s *site) idle(ctx context.Context, f *forwarder, opts options, reconnects []int) (used []footprint, err error) {
	r, err := f.start(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.end(ctx)) }()
	for _, n := range reconnects {
		if err := s.reconnect(ctx, f, n); err != nil {
			return nil, err
		}
		pause(ctx, opts.settle.least+opts.settle.spread) // until idle
		u, err := r.footprint(ctx, opts.idle)
		if err != nil {
			return nil, err
		}
		used = append(used, u)
	}
	return used, nil
}

// errNeverBack says that a forwarder did not come back within recoveryLimit.
var errNeverBack = errors.New("the agent never came back")

// reconnect makes the forwarder lose its connection n times.
func (s *site) reconnect(ctx context.Context, f *forwarder, n int) error {
	for range n {
		if err := s.sshd.KillSessions(); err != nil {
			return err
		}
		if recovery(ctx, f.pair.link(), time.Now()) == never {
			return errNeverBack
		}
	}
	return nil
}

// errNotFound says that nothing runs that could be measured.
var errNotFound = errors.New("no process forwards the agent")

// footprint returns what the forwarder's processes use for that long.
func (r *running) footprint(ctx context.Context, lasts time.Duration) (footprint, error) {
	own := slices.DeleteFunc(r.pair.me.Processes(), func(p lab.Proc) bool { return !r.owns(p) })
	if len(own) == 0 {
		return footprint{}, errNotFound
	}
	before, err := cpuTime(own)
	if err != nil {
		return footprint{}, err
	}
	began := time.Now()
	pause(ctx, lasts)
	after, err := cpuTime(own)
	if err != nil {
		return footprint{}, err
	}
	used := footprint{cpu: time.Duration(float64(after-before) / time.Since(began).Minutes())}
	used.memory, err = pss(own)
	return used, err
}

// cpuTime sums what the processes have used of any CPU since they began. The
// kernel's own clock of each (clock_getcpuclockid(3)) counts nanoseconds; that
// in /proc counts ticks of 10 ms.
func cpuTime(all []lab.Proc) (sum time.Duration, err error) {
	const schedClock = 2 // CPUCLOCK_SCHED
	for _, p := range all {
		var used unix.Timespec
		if err := unix.ClockGettime(int32(^p.PID<<3|schedClock), &used); err != nil {
			return 0, fmt.Errorf("CPU time of %v: %w", p, err)
		}
		sum += time.Duration(used.Nano())
	}
	return sum, nil
}

// pss sums the processes' proportional set sizes, in bytes: memory that
// several processes share counts for each with its part.
func pss(all []lab.Proc) (sum int, err error) {
	for _, p := range all {
		rollup, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", p.PID))
		if err != nil {
			return 0, err
		}
		kilobytes := 0
		lines := bufio.NewScanner(bytes.NewReader(rollup))
		for lines.Scan() {
			if line, found := strings.CutPrefix(lines.Text(), "Pss:"); found {
				if _, err := fmt.Sscanf(line, "%d kB", &kilobytes); err != nil {
					return 0, fmt.Errorf("%q: %w", lines.Text(), err)
				}
			}
		}
		sum += kilobytes << 10
	}
	return sum, nil
}
