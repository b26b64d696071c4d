package keeper

import (
	"context"
	"errors"
	"time"

	"github.com/mosha-ssh/mosha/internal/keeper/control"
	"github.com/mosha-ssh/mosha/internal/keeper/pace"
	"github.com/mosha-ssh/mosha/internal/keeper/remote"
	"github.com/mosha-ssh/mosha/internal/sshconn"
)

var (
	// errUnwanted ends the attempts when nobody needs the connection.
	errUnwanted = errors.New("the connection is not needed")
	// errAborted ends an attempt that is begun again at once: the network
	// changed, or somebody came who can be asked.
	errAborted = errors.New("attempt aborted")
)

// reconnecting drives the connection: one goroutine, in run, makes the attempts
// and serves what they bring, in the states that the package is described by.
type reconnecting struct{ *Keeper }

// firstCaller is how long a new keeper waits for the launcher that spawned it.
const firstCaller = 5 * time.Second

// run keeps the connection up while it is wanted. It returns when it was and
// no longer is, when it is told to stop, or when ctx ends.
func (r reconnecting) run(ctx context.Context) {
	defer r.enter(control.Idle)
	if !r.until(ctx, firstCaller, r.wantedLocked) {
		return
	}
	var backoff pace.Backoff
	for {
		conn, err := r.establish(ctx, false)
		began := time.Now()
		for err == nil && conn != nil {
			began = time.Now()
			conn = r.keep(ctx, conn)
		}
		if err != nil || ctx.Err() != nil || !r.wanted() {
			return
		}
		r.settle(ctx, began, &backoff)
	}
}

// establish makes attempts, one at a time, until one succeeds. beside is set if
// there is a connection in doubt: one that has only logged in is no better than
// that, and has to answer first. It returns errUnwanted when nobody needs the
// connection any more, or ctx's error.
func (r reconnecting) establish(ctx context.Context, beside bool) (*remote.Connection, error) {
	var backoff pace.Backoff
	for {
		began := time.Now()
		a := r.newAttempt(&backoff)
		conn, err := a.run(ctx, beside)
		switch {
		case err == nil:
			return conn, nil
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case !r.wanted():
			return nil, errUnwanted
		case errors.Is(err, errAborted), errors.Is(err, errLeft):
			backoff.Restart(time.Now())
			continue
		}
		if err := r.pause(ctx, a, err, time.Until(began.Add(backoff.Next(began))), &backoff); err != nil {
			return nil, err
		}
	}
}

// pause records how an attempt failed and waits for the time of the next one.
// A refusal is not followed by another attempt until a person attaches.
func (r reconnecting) pause(ctx context.Context, a *attempt, failure error, rest time.Duration, backoff *pace.Backoff) error {
	r.log.Warn().Err(failure).Msg("attempt failed")
	refused := isRefusal(failure)
	arrivals, epoch := 0, 0
	r.update(func() {
		r.tries.fail(failure)
		r.known.learned.Failed(failure, a.options.Limits)
		r.retryAt = time.Now().Add(rest)
		arrivals, epoch = r.clients.arrivals, a.epoch
		if refused {
			r.enterLocked(control.NeedsAuth)
		} else if rest > pace.EagerInterval {
			r.enterLocked(control.Waiting)
		}
	})
	if refused {
		rest = 0 // no time limit
	} else if rest = r.heard(rest); rest <= 0 {
		return nil
	}
	if r.doze(ctx, rest, arrivals, epoch, refused) {
		backoff.Restart(time.Now())
	}
	if ctx.Err() == nil && !r.wanted() {
		return errUnwanted
	}
	return ctx.Err()
}

// hearing is how long those who wait for a connection have to leave when they
// hear why there is none.
const hearing = time.Second

// heard returns the rest before the next attempt: not less than hearing where
// nobody needs that but those who are leaving.
func (r reconnecting) heard(rest time.Duration) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.clients.attached == 0 || r.needsLinkLocked() {
		return rest
	}
	return max(rest, hearing)
}

// doze waits for the time of the next attempt, 0 for no limit, for a person who
// attaches, or for a network event unless the server has refused. It
// reports whether it was the event.
func (r reconnecting) doze(ctx context.Context, rest time.Duration, arrivals, epoch int, refused bool) (disturbed bool) {
	r.until(ctx, rest, func() bool {
		disturbed = !refused && r.epoch != epoch
		return r.clients.arrivals != arrivals || disturbed || !r.wantedLocked()
	})
	return disturbed
}

// soon after its begin a connection has to end for the next one to wait.
const soon = 10 * time.Second

// settle rests after a connection that has ended soon: a server that lets in and
// then hangs up is dialed no more often than one that cannot be reached.
func (r reconnecting) settle(ctx context.Context, began time.Time, backoff *pace.Backoff) {
	now := time.Now()
	if now.Sub(began) >= soon {
		backoff.Restart(time.Time{})
		return
	}
	rest := r.heard(began.Add(backoff.Next(now)).Sub(now))
	if rest <= 0 {
		return
	}
	arrivals, epoch := 0, 0
	r.update(func() {
		arrivals, epoch = r.clients.arrivals, r.epoch
		if rest > pace.EagerInterval && r.wantedLocked() {
			r.retryAt = now.Add(rest)
			r.enterLocked(control.Waiting)
		}
	})
	if r.doze(ctx, rest, arrivals, epoch, false) {
		backoff.Restart(time.Now())
	}
}

// isRefusal reports whether the server was reached and refused us, or we refused
// it: to try again in the background changes nothing and may lock an account.
func isRefusal(err error) bool {
	var key *sshconn.HostKeyError
	var auth *sshconn.AuthError
	var algorithm *sshconn.AlgorithmError
	var unsupported *sshconn.UnsupportedError
	var master *sshconn.MasterError
	var path *sshconn.PathError
	if errors.As(err, &master) && master.Early || errors.As(err, &path) {
		return true
	}
	refused := errors.As(err, &key) && key.Problem != sshconn.KeySlow
	return refused || errors.As(err, &auth) || errors.As(err, &algorithm) || errors.As(err, &unsupported)
}
