package remote

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/mosha-ssh/mosha/internal/bootstrap"
	"github.com/mosha-ssh/mosha/internal/keeper/control"
	"github.com/mosha-ssh/mosha/internal/link"
	"github.com/mosha-ssh/mosha/internal/remotesh"
)

const (
	// settleLimit is how long a session's start waits for the set-up and the
	// link, once the server answers. Start-up files that take longer do not hold
	// it up, and are not cut short either.
	settleLimit = 15 * time.Second
	// SetupLimit bounds a set-up for which no launch waits any more: it takes a
	// session.
	SetupLimit = 5 * time.Minute
)

// setup is what became of the remote's set-up on one connection.
type setup struct {
	c *Connection

	mu      sync.Mutex
	running bool
	done    chan struct{} // closed when the last one ended, or is waited for no longer; nil: none began
	lacks   []error       // what that could not do
	written []string      // the files that it changed, until a launch has heard of them
}

// Begin has the remote hold the link, once a connection. act is set if a person
// wants a session now: the remote is set up, unless that was done already, the
// link is claimed, and a session is opened ahead for the launch that is coming.
//
// Where the server allows one session, that is for mosh-server's start alone.
func (c *Connection) Begin(act bool) {
	if c.ssh.Facts().OneSession {
		c.holding.cannot(&link.ForwardError{Reason: "one session"})
		return
	}
	if act {
		c.holding.claim()
		c.setup.begin()
	}
	c.holding.begin()
	if act {
		c.OpenAhead()
	}
}

// begin sets the remote up in the background, if that has not been done on this
// connection or failed.
func (s *setup) begin() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running || s.done != nil && len(s.lacks) == 0 {
		return
	}
	done := make(chan struct{})
	s.running, s.done = true, done
	s.c.goes(func() {
		s.c.awaited(done, s.run, func() {}) // what the link holder lacks then is told
	})
}

// awaited runs f, and closes done when that has ended or when it has been waited
// for long enough. Then it calls late before. The time begins with the server's
// first answer.
func (c *Connection) awaited(done chan<- struct{}, f, late func()) {
	var mu sync.Mutex // late is called before f has ended
	ended := make(chan struct{})
	c.goes(func() {
		defer close(done)
		limit := settleLimit
		select {
		case <-c.answered:
		case <-ended:
			return
		case <-time.After(turnLimit):
			limit = 0
		}
		select {
		case <-ended:
		case <-time.After(limit):
			mu.Lock()
			defer mu.Unlock()
			if !isClosed(ended) {
				late()
			}
		}
	})
	f()
	mu.Lock()
	defer mu.Unlock()
	close(ended)
}

// Settled waits until the set-up and the link are done or have failed. It
// returns false if ctx or the connection ends before.
func (c *Connection) Settled(ctx context.Context) bool {
	c.setup.mu.Lock()
	setup := c.setup.done
	c.setup.mu.Unlock()
	for _, done := range []<-chan struct{}{c.holding.settled, setup} {
		if done == nil {
			continue
		}
		select {
		case <-done:
		case <-c.ctx.Done():
			return false
		case <-ctx.Done():
			return false
		}
	}
	return true
}

func (s *setup) run() {
	ctx, cancel := context.WithTimeout(s.c.ctx, SetupLimit)
	defer cancel()
	report, err := bootstrap.Setup(ctx, s.c)
	lacks := Failures(report, false)
	if err != nil {
		lacks = []error{&control.SetupError{Err: err}}
	}
	var written []string
	for _, file := range report.Files {
		if file.Action == bootstrap.Created || file.Action == bootstrap.Changed {
			written = append(written, file.Path)
		}
		s.c.Log.Info().Str("file", file.Path).Str("action", string(file.Action)).AnErr("cause", file.Cause).Msg("set-up")
	}
	for _, err := range lacks {
		s.c.Log.Warn().Err(err).Msg("set-up")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lacks, s.running = lacks, false
	s.written = append(s.written, written...)
}

// Failures returns an error for each reason for which files were not written:
// because that failed or, with skipped, because they were left alone as well. A
// link that is the person's own is no failure.
func Failures(r bootstrap.Report, skipped bool) []error {
	var all []error
	byReason := map[bootstrap.Reason]*control.SetupError{}
	for _, f := range r.Files {
		cause := f.Cause
		counts := f.Action == bootstrap.Failed || skipped && f.Action == bootstrap.Skipped
		if !counts || cause.Reason == bootstrap.Needed || cause.Reason == bootstrap.Private {
			continue
		}
		known := byReason[cause.Reason]
		if known == nil {
			known = &control.SetupError{Err: cause}
			byReason[cause.Reason] = known
			all = append(all, known)
		}
		known.Paths = append(known.Paths, f.Path)
	}
	return all
}

// Written returns the remote's files that set-up has changed, to the first who
// asks.
func (c *Connection) Written() []string {
	c.setup.mu.Lock()
	defer c.setup.mu.Unlock()
	written := c.setup.written
	c.setup.written = nil
	return written
}

// Expired returns the *control.ExpiredError of a connection on which nothing can
// be started, else nil. A new one may be better: the password belongs to the
// login.
func (c *Connection) Expired() error {
	var expired *control.ExpiredError
	if errors.As(c.holding.lacking(), &expired) {
		return expired
	}
	return nil
}

// Lacks returns what sessions go without. Where no script runs on the remote,
// that is for one reason, and is told once.
func (c *Connection) Lacks() []error {
	unlinked := c.holding.lacking()
	c.setup.mu.Lock()
	defer c.setup.mu.Unlock()
	lacks := slices.Clone(c.setup.lacks)
	if isScript(unlinked) {
		lacks = slices.DeleteFunc(lacks, isScript)
	}
	if unlinked != nil {
		lacks = append(lacks, unlinked)
	}
	return lacks
}

// isScript reports whether a script failed as a whole.
func isScript(err error) bool {
	var failed *remotesh.Error
	return errors.As(err, &failed)
}
