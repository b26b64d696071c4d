package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/mosha-ssh/mosha/internal/tty"
)

// each works on several hosts, so many of them at once. It goes on after a
// failure; the exit code is that of the first. A signal ends it, and it says what
// was done by then. Side by side, a display shows how far the hosts are.
func each(hosts []string, done string, atOnce int, do func(context.Context, *person) error) error {
	several := len(hosts) > 1
	stop := tty.NewInterruption()
	total := 1 // of which a display shows nothing
	if atOnce > 1 {
		total = len(hosts)
	}
	display := tty.NewProgress(total)
	defer display.Close()
	codes := slices.Repeat([]int{interrupted}, len(hosts))
	places := make(chan struct{}, atOnce)
	var all sync.WaitGroup
	for i, host := range hosts {
		places <- struct{}{}
		if stop.Err() != nil {
			break
		}
		all.Go(func() {
			defer func() { <-places }()
			who := personFor(host, several, stop)
			if atOnce > 1 {
				who.display = display
			}
			display.Begin(host, "connecting")
			err := do(stop, who)
			if err == nil || stop.Err() == nil {
				display.End(host, func() { codes[i] = complain(err) })
			}
		})
	}
	all.Wait()
	display.Close()
	if several && (atOnce > 1 || stop.Err() != nil) {
		say("%s", tally(hosts, codes, done))
	}
	stop.End()
	return firstOf(codes)
}

// interrupted is the code of a host whose work a signal ended or prevented.
const interrupted = -1

// firstOf is the failure whose code is the exit status.
func firstOf(codes []int) error {
	for _, code := range codes {
		if code != 0 {
			return &exitError{Code: code}
		}
	}
	return nil
}

// tally says how many hosts went well, and which did not.
func tally(hosts []string, codes []int, done string) string {
	var failed, left []string
	for i, code := range codes {
		switch code {
		case 0:
		case interrupted:
			left = append(left, hosts[i])
		default:
			failed = append(failed, hosts[i])
		}
	}
	s := fmt.Sprintf("%d hosts: %d %s", len(hosts), len(hosts)-len(failed)-len(left), done)
	if len(failed) > 0 {
		s += fmt.Sprintf(", %d failed (%s)", len(failed), strings.Join(failed, ", "))
	}
	if len(left) > 0 {
		s += fmt.Sprintf(", %d interrupted (%s)", len(left), strings.Join(left, ", "))
	}
	return s
}
