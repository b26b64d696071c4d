package keeper

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/mosha-ssh/mosha/internal/bootstrap"
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
			c.unlink(&ForwardError{Reason: "one session"})
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
			late := func() { c.unlinked = &ForwardError{Reason: "slow"} }
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
		unwritten = []error{&SetupError{Err: err}}
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
	h, err := startHolder(c, w)
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
	if c.k.claims() { // since the link was reclaimed
		h.order(link.Claim)
	}
	c.pulse.Now()
	c.goWork(func() {
		h.listen(c)
		if !h.dismissed.Load() {
			c.drop() // what holds the link is gone: begin anew
		}
	})
}

// installs makes a holder that has begun the connection's, unless it was
// dismissed meanwhile.
func (c *connection) installs(h *holder) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if h.dismissed.Load() {
		return false
	}
	c.holder, c.beginning, c.ends = h, nil, h.ends
	return true
}

// claim takes the link for a person, whoever has it. Should the connection
// break before that is answered, the next one claims it.
func (c *connection) claim() {
	c.k.update(func() { c.k.actor, c.k.claiming = true, true })
	c.k.saveOrLog()
	c.mu.Lock()
	h := c.holder
	c.mu.Unlock()
	if h != nil {
		h.order(link.Claim)
	}
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

// claims says whether a person wants the link here, and it was not said to be
// so yet.
func (k *Keeper) claims() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.claiming
}

// linked notes what became of the link, which was claimed or reclaimed. One
// that was kept is that of a machine on which a person has acted since.
func (c *connection) linked(outcome link.Outcome, claimed bool) {
	c.log.Info().Int("state", int(outcome.State)).AnErr("cause", outcome.Cause).Msg("link")
	switch {
	case outcome.State == link.Kept:
		c.owns(link.OwnerOther)
	case claimed:
		c.k.update(func() { c.k.claiming = false })
	}
}

// owns notes whose the link is. When it is another machine's although it was
// ours to take back, a person has acted there since; unless one acted here,
// whose claim is under way.
func (c *connection) owns(owner link.Owner) {
	c.k.mu.Lock()
	news, lost := owner != c.owner, c.k.actor && !c.k.claiming && owner == link.OwnerOther
	c.k.mu.Unlock()
	if !news && !lost {
		return
	}
	c.k.update(func() {
		c.owner = owner
		c.k.actor = c.k.actor && !lost
	})
	if lost {
		c.k.saveOrLog()
	}
}

// expired returns the *ExpiredError of a connection on which nothing can be
// started, else nil. A new one may be better: the password belongs to the login.
func (c *connection) expired() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var expired *ExpiredError
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
	forward := (*ForwardError)(nil)
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
