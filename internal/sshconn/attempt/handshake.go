package attempt

import (
	"context"
	"time"

	"github.com/mosha-ssh/mosha/internal/sshconn"
)

// OnAbort has something closed when the attempt is aborted, or at once if it was.
func (a *Attempt) OnAbort(close func()) {
	a.mu.Lock()
	aborted := a.aborted
	a.closers = append(a.closers, close)
	a.mu.Unlock()
	if aborted {
		close()
	}
}

// Abort frees whatever waits for the server, or for what OnAbort has closed.
func (a *Attempt) Abort() {
	a.mu.Lock()
	a.aborted = true
	closers := a.closers
	a.mu.Unlock()
	a.Stream.Close()
	for _, close := range closers {
		close()
	}
}

// Handshake starts the time for what comes up to the host key, and answers the
// hops of a proxy. The attempt is aborted when ctx ends. All that is over when
// end is called.
func (a *Attempt) Handshake(ctx context.Context) (end func()) {
	stop := context.AfterFunc(ctx, a.Abort)
	a.watch.start(time.Until(a.deadline), a.Limit)
	endHops := a.proxy.Serve(ctx)
	return func() {
		a.Stream.observe(observer{})
		a.silence.end()
		endHops()
		a.watch.stop()
		stop()
	}
}

// Traffic is what a transport is told of the stream. Fields may be nil.
type Traffic struct {
	Wrote func() // something is about to be written
	Heard func() // bytes came
	Lost  func() // the other side ended the connection
}

// Listen watches the traffic for silence and for the version line.
func (a *Attempt) Listen(t Traffic) {
	a.Begin(sshconn.PhaseBanner)
	a.Stream.observe(observer{
		wrote: func() {
			if t.Wrote != nil {
				t.Wrote()
			}
			a.silence.restart()
		},
		heard: func() {
			a.silence.begin()
			a.silence.restart()
			if t.Heard != nil {
				t.Heard()
			}
		},
		banner: func() { a.Begin(sshconn.PhaseKex) },
		lost:   t.Lost,
	})
	if a.proxy == nil {
		a.silence.begin()
	}
}

// Judge has the server's host key checked, while no clock runs, since a person
// may be asked. If it is accepted, the login begins.
func (a *Attempt) Judge(check func() error) error {
	a.watch.stop()
	a.silence.rest()
	if err := check(); err != nil {
		return err
	}
	a.BeginAuth()
	a.silence.wake()
	return nil
}

// BeginAuth says that the login begins, for which there is another limit.
func (a *Attempt) BeginAuth() {
	a.Begin(sshconn.PhaseAuth)
	a.watch.start(authTimeout, authTimeout)
}

// Pause stops all clocks while a person is asked, until resume is called.
func (a *Attempt) Pause() (resume func()) {
	a.watch.stop()
	a.silence.rest()
	return func() {
		a.watch.start(authTimeout, authTimeout)
		a.silence.wake()
	}
}

// PauseSSH stops the time for the login while ssh asks a person, until resume is
// called.
func (a *Attempt) PauseSSH() (resume func()) { return a.pauseFor(authTimeout) }

// pauseFor stops the time for what a person is asked by a program, until resume
// is called. The other side then has the limit again.
func (a *Attempt) pauseFor(limit time.Duration) (resume func()) {
	a.watch.stop()
	began := time.Now()
	return func() {
		a.mu.Lock()
		a.waited += time.Since(began)
		a.mu.Unlock()
		a.watch.start(limit, limit)
	}
}

// Rest says that it is not the server's turn, until wake is called.
func (a *Attempt) Rest() (wake func()) {
	a.silence.rest()
	return a.silence.wake
}

// Wake says that it is the server's turn again after a Rest.
func (a *Attempt) Wake() { a.silence.wake() }

// Within runs f, which asks the server something, within the limit for what comes
// up to the host key. The error is a *sshconn.TimeoutError.
func (a *Attempt) Within(f func()) error {
	a.watch.start(a.Limit, a.Limit)
	f()
	a.watch.stop()
	return a.Overdue()
}

// Done ends the clocks, since the server has let us in, and returns what is known
// of the connection so far.
func (a *Attempt) Done() sshconn.Facts {
	a.watch.stop()
	a.silence.end()
	seen := a.Stream.Seen()
	f := sshconn.Facts{
		Remote: a.Stream.Remote(), OpenSSH: seen.openSSH, OneSession: seen.oneSession,
		Typed: a.proxy.Typed(), Silent: a.silence.slowest(), Judged: a.Config,
	}
	if a.proxied() {
		a.mu.Lock()
		defer a.mu.Unlock()
		f.Proxied = a.reached
	}
	return f
}

// Leave ends, with the attempt, what a proxy has of it.
func (a *Attempt) Leave() { a.proxy.Leave() }

// Overdue returns a *sshconn.TimeoutError if a limit was exceeded, else nil.
func (a *Attempt) Overdue() error {
	if limit, expired := a.expired(); expired {
		late := a.timeout(a.Phase(), limit)
		late.Said = a.Stream.Seen().instead
		return late
	}
	return nil
}

// expired returns the limit that was exceeded, if one was.
func (a *Attempt) expired() (time.Duration, bool) {
	if limit, expired := a.silence.watch.expiredAfter(); expired {
		return limit, true
	}
	return a.watch.expiredAfter()
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
