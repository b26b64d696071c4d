package keeper

import (
	"context"

	"github.com/mosha-ssh/mosha/internal/bootstrap"
)

// begin has the remote hold the link, once a connection. act says that a
// person wants a session now: the remote is set up, unless that was done
// already, the link is claimed, and a session is opened ahead for the launch
// that is coming.
func (c *connection) begin(act bool) {
	if act {
		c.claim()
		c.beginSetup()
	}
	c.held.Do(func() {
		c.began.Store(true)
		c.goWork(func() {
			defer close(c.holding)
			ctx, cancel := context.WithTimeout(c.ctx, settleLimit)
			defer cancel()
			c.hold(ctx)
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
	if c.setup != nil && (!isClosed(c.setup) || len(c.unwritten) == 0) {
		c.mu.Unlock()
		return
	}
	done := make(chan struct{})
	c.setup = done
	c.mu.Unlock()
	c.goWork(func() {
		defer close(done)
		ctx, cancel := context.WithTimeout(c.ctx, settleLimit)
		defer cancel()
		c.setUp(ctx)
	})
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

func (c *connection) setUp(ctx context.Context) {
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
	c.unwritten = unwritten
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
// lasts.
func (c *connection) hold(ctx context.Context) {
	h, err := startHolder(ctx, c)
	crowded := isRejected(err)
	c.mu.Lock()
	c.crowded = crowded
	c.mu.Unlock()
	if !crowded {
		c.unlink(err)
	}
	if h == nil {
		return
	}
	c.mu.Lock()
	c.holder, c.ends = h, h.ends
	c.mu.Unlock()
	if c.k.claims() { // since the link was reclaimed
		h.order(bootstrap.Claim)
	}
	c.pulse.now()
	c.goWork(func() {
		h.listen(c)
		if !h.dismissed.Load() {
			c.drop() // what holds the link is gone: begin anew
		}
	})
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
		h.order(bootstrap.Claim)
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
func (c *connection) linked(link bootstrap.Link, claimed bool) {
	c.log.Info().Int("state", int(link.State)).AnErr("cause", link.Cause).Msg("link")
	switch {
	case link.State == bootstrap.LinkKept:
		c.owns(bootstrap.OwnerOther)
	case claimed:
		c.k.update(func() { c.k.claiming = false })
	}
}

// owns notes whose the link is. When it is another machine's although it was
// ours to take back, a person has acted there since; unless one acted here,
// whose claim is under way.
func (c *connection) owns(owner bootstrap.Owner) {
	c.k.mu.Lock()
	news, lost := owner != c.owner, c.k.actor && !c.k.claiming && owner == bootstrap.OwnerOther
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

// warned returns what could not be had.
func (c *connection) warned() []error {
	c.mu.Lock()
	defer c.mu.Unlock()
	warnings := append([]error(nil), c.unwritten...)
	if c.unlinked != nil {
		warnings = append(warnings, c.unlinked)
	}
	return warnings
}
