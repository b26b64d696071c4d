package remote

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/mosha-ssh/mosha/internal/link"
)

// holding keeps a link holder running on one connection, for as long as that
// lasts.
//
//	           there is room            it has taken the link
//	waiting -----------------> beginning --------------------> current
//	   ^                           |                              |
//	   +------- dismissed: those who act for a person need room --+
//
// Where it cannot begin at all, sessions go without the agent. When the current
// one ends by itself, so does the connection.
type holding struct {
	c *Connection

	once    sync.Once     // begins it
	begun   atomic.Bool   // that was done
	over    atomic.Bool   // none is to begin any more
	settled chan struct{} // closed when it has begun, could not, or is waited for no longer
	room    chan struct{} // one slot: those who needed room are done

	mu        sync.Mutex
	holder    *link.Holder
	beginning *link.Holder // that is being started
	ends      link.Ends    // as the server sees them
	found     string       // the agent's socket on the server, once it is known
	lacks     error        // why the agent cannot be used
}

func newHolding(c *Connection) *holding {
	return &holding{c: c, settled: make(chan struct{}), room: make(chan struct{}, 1)}
}

// begin starts the holder, once a connection.
func (h *holding) begin() {
	h.once.Do(func() {
		h.begun.Store(true)
		h.c.goes(h.run)
	})
}

// run keeps a holder running, and another when it had to make room. The first
// has to find room at once: a launch waits for it.
func (h *holding) run() {
	var holder *link.Holder
	var err error
	h.c.awaited(h.settled, func() { holder, err = h.start() }, func() { h.unlink(&link.ForwardError{Reason: "slow"}) })
	for rest := moment; h.keeps(holder, err); {
		next, lives := h.c.sessions.quiet(rest, h.room)
		if !lives || h.over.Load() {
			return
		}
		rest = next
		if holder, err = h.start(); holder != nil {
			rest = moment
		}
	}
}

// cannot settles that no holder is to begin.
func (h *holding) cannot(why error) {
	h.once.Do(func() {
		h.unlink(why)
		close(h.settled)
	})
}

// keeps serves a holder until it makes room, if it was started, and reports
// whether another is to be started then.
func (h *holding) keeps(holder *link.Holder, err error) bool {
	if err != nil && !isRejected(err) {
		return false
	}
	if holder != nil {
		h.c.pulse.Now()
		holder.Listen()
		if h.current() == holder {
			h.c.Drop() // what holds the link is gone: begin anew
			return false
		}
	}
	return true
}

// start starts a holder. The remote's login shell may take any time for that.
// The error is a *control.RoomError where the server has no room for it, or where
// it was dismissed meanwhile.
func (h *holding) start() (*link.Holder, error) {
	c := h.c
	s, err := c.sessions.last(c.ctx)
	if isRejected(err) {
		return nil, err
	}
	if err != nil {
		return nil, h.fails(err)
	}
	holder := link.NewHolder(s, c.Claims, link.Config{
		Log: c.Log, Every: c.pulse.Rest, Forwarding: c.Forwarding(), Unverified: c.ssh.Facts().Unverified,
		Found: h.finds, Pong: c.pulse.Answered, Lacks: h.unlink,
	})
	h.mu.Lock()
	h.beginning = holder
	h.mu.Unlock()
	var lacks error
	if err = c.channels.forward(s); err == nil {
		err = s.shell()
	}
	if err == nil {
		lacks, err = holder.Take()
	}
	switch stays := h.installs(holder, err == nil); {
	case !stays:
		_ = s.Close() // it may wait for the server
		return nil, c.sessions.noRoom()
	case err != nil:
		_ = s.Close()
		return nil, h.fails(err)
	}
	h.unlink(lacks)
	return holder, nil
}

// fails notes that the holder cannot run, and returns why. Where the connection
// has ended, there is nothing to note.
func (h *holding) fails(err error) error {
	err = &link.ForwardError{Reason: "holder", Err: err}
	if !h.c.Over() {
		h.unlink(err)
	}
	return err
}

// installs makes a holder that has begun the current one; one that has not is
// forgotten. It reports whether the holder was not dismissed meanwhile.
func (h *holding) installs(holder *link.Holder, begun bool) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.beginning != holder {
		return false
	}
	h.beginning = nil
	if begun {
		h.holder, h.ends = holder, holder.Ends()
	}
	return true
}

// finds notes the agent's socket on the server.
func (h *holding) finds(agent string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.found = agent
}

// unlink notes why the agent cannot be used in sessions, nil if it can.
func (h *holding) unlink(err error) {
	if err != nil {
		h.c.Log.Warn().Err(err).Msg("no agent in sessions")
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lacks = err
}

// lacking returns why the agent cannot be used, nil if it can.
func (h *holding) lacking() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.lacks
}

// current returns the holder that runs, nil if none does.
func (h *holding) current() *link.Holder {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.holder
}

// runs reports whether the holder runs, or is being started.
func (h *holding) runs() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.holder != nil || h.beginning != nil
}

// seen returns the connection's ends as a holder saw them.
func (h *holding) seen() link.Ends {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.ends
}

// socket returns the agent's socket on the server as a holder found it.
func (h *holding) socket() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.found
}

// claim takes the link for a person, whichever machine has it. If the connection
// breaks before the answer, the next one claims it.
func (h *holding) claim() {
	h.c.Claims.Claim()
	if holder := h.current(); holder != nil {
		holder.Claim()
	}
}

// dismiss ends the holder, not the connection. The one that is only being
// started leaves the link as it is: where it leads to our agent, that is right.
func (h *holding) dismiss() {
	h.mu.Lock()
	running, beginning := h.holder, h.beginning
	h.holder, h.beginning = nil, nil
	h.mu.Unlock()
	for _, holder := range []*link.Holder{running, beginning} {
		if holder == nil {
			continue
		}
		h.c.Log.Info().Bool("begun", holder == running).Msg("the link holder makes room: the server allows too few sessions")
		if holder == running {
			holder.Quit(farewell)
		} else {
			holder.Leave(farewell)
		}
		_ = holder.Close()
	}
}

// recall lets the holder come back now, if it waits for room.
func (h *holding) recall() {
	select {
	case h.room <- struct{}{}:
	default:
	}
}

// quit makes the holder remove the link and end, if the network allows it. What
// is just being set up is taken back too.
func (h *holding) quit() {
	if h.begun.Load() {
		select {
		case <-h.settled:
		case <-h.c.ctx.Done():
		case <-time.After(farewell):
		}
	}
	if holder := h.current(); holder != nil {
		holder.Quit(farewell)
	}
}

// Owner returns whose the link is, "" if that is not known.
func (c *Connection) Owner() link.Owner {
	if holder := c.holding.current(); holder != nil {
		return holder.Owner()
	}
	return ""
}

// Unhold ends the link holder for good: it would set the link again.
func (c *Connection) Unhold() {
	c.holding.over.Store(true)
	c.holding.dismiss()
}
