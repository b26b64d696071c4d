package attempt

import (
	"context"
	"math"
	"time"

	"github.com/mosha-ssh/mosha/internal/sshconn"
)

func (a *Attempt) timeout(phase string, limit time.Duration) *sshconn.TimeoutError {
	return &sshconn.TimeoutError{Host: a.Config.HostName, Port: a.Config.Port, Phase: phase, Seconds: int(math.Ceil(limit.Seconds()))}
}

// expired returns the limit that was exceeded, if one was.
func (a *Attempt) expired() (time.Duration, bool) {
	if limit, expired := a.silence.watch.expiredAfter(); expired {
		return limit, true
	}
	return a.watch.expiredAfter()
}

// Overdue returns a *sshconn.TimeoutError if a limit was exceeded, else nil.
func (a *Attempt) Overdue() error {
	if limit, expired := a.expired(); expired {
		late := a.timeout(a.Phase(), limit)
		late.Said = a.Stream.Seen().instead
		return late
	}
	return nil
}

// Refused returns why a person ended the attempt when a hop asked, or nil.
func (a *Attempt) Refused() error { return a.proxy.Refused() }

// Lost explains the end of the stream: by the proxy's failure, if there is one.
func (a *Attempt) Lost(ctx context.Context, phase string) error {
	if err := a.proxy.Failure(ctx); err != nil {
		return err
	}
	return &sshconn.ClosedError{Host: a.Config.HostName, Port: a.Config.Port, Phase: phase, Said: a.Stream.Seen().instead}
}
