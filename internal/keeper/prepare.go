package keeper

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/mosha-ssh/mosha/internal/bootstrap"
	"github.com/mosha-ssh/mosha/internal/keeper/control"
	"github.com/mosha-ssh/mosha/internal/link"
	"github.com/mosha-ssh/mosha/internal/remotesh"
)

// begin has the remote hold the link, once a connection. act says that a
// person wants a session now: the remote is set up, unless that was done
// already, the link is claimed, and a session is opened ahead for the launch
// that is coming.
//
// Where the server allows one session, that is for mosh-server's start alone.
func (c *connection) begin(act bool) {
	if c.ssh.Facts().OneSession {
		c.held.Do(func() {
			c.unlink(&link.ForwardError{Reason: "one session"})
			close(c.holding)
		})
		return
	}
	if act {
		c.claim()
		c.beginSetup()
	}
	c.held.Do(func() {
		c.began.Store(true)
		c.goWork(func() {
			late := func() { c.unlinked = &link.ForwardError{Reason: "slow"} }
			c.awaited(c.holding, func() {
				c.hold(wish{brief: true})
				if !act { // else the set-up has it come back
					c.recallSoon()
				}
			}, late)
		})
	})
	if act {
		c.goWork(c.openAhead)
	}
}

// beginSetup sets the remote up in the background, if that has not been done
// on this connection or failed.
func (c *connection) beginSetup() {
	c.mu.Lock()
	if c.settingUp || c.setup != nil && len(c.unwritten) == 0 {
		c.mu.Unlock()
		return
	}
	done := make(chan struct{})
	c.settingUp, c.setup = true, done
	c.mu.Unlock()
	c.goWork(func() {
		c.awaited(done, c.setUp, func() {}) // what the link holder lacks then is told
	})
}

// awaited runs f, and closes done when that has ended or when it has been waited
// for long enough. Then it calls late before, with the connection's lock held.
// The time begins with the server's first answer.
func (c *connection) awaited(done chan<- struct{}, f, late func()) {
	ended := make(chan struct{})
	c.goWork(func() {
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
			c.mu.Lock()
			defer c.mu.Unlock()
			if !isClosed(ended) {
				late()
			}
		}
	})
	f()
	c.mu.Lock()
	defer c.mu.Unlock()
	close(ended)
}

func isClosed(done <-chan struct{}) bool {
	select {
	case <-done:
		return true
	default:
		return false
	}
}

// settled waits until the set-up and the link are done or have failed. It
// returns false if ctx or the connection ends before.
func (c *connection) settled(ctx context.Context) bool {
	c.mu.Lock()
	setup := c.setup
	c.mu.Unlock()
	for _, done := range []<-chan struct{}{c.holding, setup} {
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

// setUpLimit bounds a set-up that nobody waits for any more: it takes a session.
const setUpLimit = 5 * time.Minute

func (c *connection) setUp() {
	ctx, cancel := context.WithTimeout(c.ctx, setUpLimit)
	defer cancel()
	report, err := bootstrap.Setup(ctx, c)
	var unwritten []error
	if err != nil {
		unwritten = []error{&control.SetupError{Err: err}}
	} else {
		unwritten = failures(report, false)
	}
	var written []string
	for _, file := range report.Files {
		if file.Action == bootstrap.Created || file.Action == bootstrap.Changed {
			written = append(written, file.Path)
		}
		c.log.Info().Str("file", file.Path).Stringer("action", file.Action).AnErr("cause", file.Cause).Msg("set-up")
	}
	for _, err := range unwritten {
		c.log.Warn().Err(err).Msg("set-up")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.unwritten, c.settingUp = unwritten, false
	c.written = append(c.written, written...)
}

// firstWritten returns the remote's files that set-up has changed, to the first
// who asks.
func (c *connection) firstWritten() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	written := c.written
	c.written = nil
	return written
}

// hold starts the link holder and keeps it for as long as the connection
// lasts. The remote's login shell may take any time to start it.
func (c *connection) hold(w wish) {
	h, err := c.startHolder(w)
	if isRejected(err) {
		c.mu.Lock()
		c.crowded = true
		c.mu.Unlock()
		return
	}
	if h == nil {
		if c.ctx.Err() == nil { // else it went with the connection
			c.unlink(err)
		}
		return
	}
	if !c.installs(h) {
		return // it had to make room
	}
	c.unlink(err)
	c.pulse.Now()
	c.goWork(func() {
		h.Listen()
		if c.heldBy(h) {
			c.drop() // what holds the link is gone: begin anew
		}
	})
}

// startHolder starts the link holder. The error says why the agent cannot be
// used; with a holder beside it the script runs all the same and answers the
// pulse. One that was dismissed meanwhile is a *RoomError.
func (c *connection) startHolder(w wish) (*link.Holder, error) {
	s, err := c.session(c.ctx, w)
	if err != nil {
		return nil, &link.ForwardError{Reason: "holder", Err: err}
	}
	h := link.NewHolder(s, c.k.claims, link.Config{
		Log: c.log, Every: c.pulse.Rest, Forwarding: c.forwarding(), Unverified: c.ssh.Facts().Unverified,
		Found: c.finds, Pong: c.pulse.Answered, Lacks: c.unlink,
	})
	c.mu.Lock()
	c.beginning = h
	c.mu.Unlock()
	if err = c.forwardAgent(s); err == nil {
		err = s.shell()
	}
	if err == nil {
		var lacks error
		if lacks, err = h.Take(); err == nil {
			return h, lacks
		}
	}
	c.mu.Lock()
	if c.beginning == h {
		c.beginning = nil
	} else {
		err = c.noRoom()
	}
	c.mu.Unlock()
	_ = s.Close() // it may wait for the server
	return nil, &link.ForwardError{Reason: "holder", Err: err}
}

// finds notes the agent's socket on the server.
func (c *connection) finds(agent string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.found = agent
}

// installs makes a holder that has begun the connection's, unless it was
// dismissed meanwhile.
func (c *connection) installs(h *link.Holder) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.beginning != h {
		return false
	}
	c.holder, c.beginning, c.ends = h, nil, h.Ends()
	return true
}

// heldBy reports whether a holder is still the connection's: it was not
// dismissed.
func (c *connection) heldBy(h *link.Holder) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.holder == h
}

// claim takes the link for a person, whoever has it. Should the connection
// break before that is answered, the next one claims it.
func (c *connection) claim() {
	c.k.claims.Claim()
	c.mu.Lock()
	h := c.holder
	c.mu.Unlock()
	if h != nil {
		h.Claim()
	}
}

// owner returns whose the link is, 0 if that is not known.
func (c *connection) owner() link.Owner {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.holder == nil {
		return 0
	}
	return c.holder.Owner()
}

// unlink notes why the agent cannot be used in sessions, nil if it can.
func (c *connection) unlink(err error) {
	if err != nil {
		c.log.Warn().Err(err).Msg("no agent in sessions")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.unlinked = err
}

// expired returns the *control.ExpiredError of a connection on which nothing can be
// started, else nil. A new one may be better: the password belongs to the login.
func (c *connection) expired() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var expired *control.ExpiredError
	if errors.As(c.unlinked, &expired) {
		return expired
	}
	return nil
}

// warned returns what could not be had. Where no script runs on the remote, it
// is for one reason, and is said once.
func (c *connection) warned() []error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var warnings []error
	if !isRemote(c.unlinked) {
		warnings = append(warnings, c.unwritten...)
	} else {
		warnings = slices.DeleteFunc(slices.Clone(c.unwritten), isRemote)
	}
	if c.unlinked != nil {
		warnings = append(warnings, c.unlinked)
	}
	return warnings
}

// isRemote reports whether a script failed as a whole.
func isRemote(err error) bool {
	var remote *remotesh.Error
	return errors.As(err, &remote)
}

// lacking returns what a launch is told: what could not be had, and that its
// agent has no keys where that is the one reason why the session has none.
func (c *connection) lacking() []error {
	warnings := c.warned()
	forward := (*link.ForwardError)(nil)
	for _, warning := range warnings {
		if errors.As(warning, &forward) {
			return warnings
		}
	}
	if err := c.k.lacksKeys(); err != nil {
		warnings = append(warnings, err)
	}
	return warnings
}
