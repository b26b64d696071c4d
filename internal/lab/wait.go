//go:build linux

package lab

import (
	"context"
	"fmt"
	"time"
)

const (
	// A wait looks often at first, and less often when it takes long, so that
	// tests that wait leave the processor to what they wait for.
	firstPoll, lastPoll = 10 * time.Millisecond, 100 * time.Millisecond
	// waitLimit ends a wait whose context has no deadline, so that a condition
	// that never comes true is reported by name and not by the test's timeout.
	waitLimit = 5 * time.Minute
)

// NeverError says that something did not happen in time.
type NeverError struct {
	What string
	// Err is the condition's own error, or the context's.
	Err error
}

func (e *NeverError) Error() string { return fmt.Sprintf("never happened: %s: %v", e.What, e.Err) }

func (e *NeverError) Unwrap() error { return e.Err }

// Eventually calls cond every few milliseconds until it returns true, and
// returns nil then. An error from cond ends the wait at once. When ctx is done,
// or after 5 min if it has no deadline, it returns a *NeverError with what.
func Eventually(ctx context.Context, what string, cond func() (bool, error)) error {
	ctx, cancel := limited(ctx)
	defer cancel()
	for pause := firstPoll; ; pause = min(pause*3/2, lastPoll) {
		ok, err := cond()
		if err != nil {
			return &NeverError{What: what, Err: err}
		}
		if ok {
			return nil
		}
		select {
		case <-ctx.Done():
			return &NeverError{What: what, Err: ctx.Err()}
		case <-time.After(pause):
		}
	}
}

// limited gives ctx a deadline if it has none.
func limited(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, waitLimit)
}
