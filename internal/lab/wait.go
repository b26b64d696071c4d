//go:build linux

package lab

import (
	"context"
	"fmt"
	"time"
)

const (
	pollInterval = 5 * time.Millisecond
	// waitLimit ends a wait whose context has no deadline, so that a condition
	// that never comes true is reported by name and not by the test's timeout.
	waitLimit = 30 * time.Second
)

// NeverError says that what was waited for did not happen in time.
type NeverError struct {
	What string
	// Err is the condition's own error, or the context's.
	Err error
}

func (e *NeverError) Error() string { return fmt.Sprintf("never happened: %s: %v", e.What, e.Err) }

func (e *NeverError) Unwrap() error { return e.Err }

// Eventually calls cond every few milliseconds until it returns true, and
// returns nil then. An error from cond ends the wait at once. When ctx is done,
// or after 30 s if it has no deadline, it returns a *NeverError with what.
func Eventually(ctx context.Context, what string, cond func() (bool, error)) error {
	ctx, cancel := limited(ctx)
	defer cancel()
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for {
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
		case <-tick.C:
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
