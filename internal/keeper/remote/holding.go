package remote

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/mosha-ssh/mosha/internal/link"
)

// holding is the link holder's place on one connection.
//
//	            begun                        it has taken the link
//	none --------------------> beginning ----------------------> current
//	 ^                           |  ^                              |
//	 |  failed: the agent        |  | recalled, when those         | dismissed, for
//	 |  cannot be used           |  | who act for a person         | those who act
//	 +---------------------------+  | are done                     | for a person
//	                             |  |                              |
//	          no room, dismissed +--+-- crowded out <--------------+
//
// When the current one ends by itself, so does the connection.
type holding struct {
	c *Connection

	once    sync.Once     // begins it
	begun   atomic.Bool   // that was done
	settled chan struct{} // closed when it has begun, could not, or is waited for no longer

	mu        sync.Mutex
	holder    *link.Holder
	beginning *link.Holder // that is being started
	crowded   bool         // it had no room or made room, and is to come back
	ends      link.Ends    // as the server sees them
	found     string       // the agent's socket on the server, once it is known
	lacks     error        // why the agent cannot be used
}

// begin starts the holder, once a connection. act is set if a person wants a
// session now.
func (h *holding) begin(act bool) {
	h.once.Do(func() {
		h.begun.Store(true)
		h.c.goes(func() {
			h.c.awaited(h.settled, func() {
				h.hold(wish{brief: true})
				if !act { // else the set-up has it come back
					h.recallSoon()
				}
			}, func() { h.unlink(&link.ForwardError{Reason: "slow"}) })
		})
	})
}

// cannot settles that no holder is to begin.
func (h *holding) cannot(why error) {
	h.once.Do(func() {
		h.unlink(why)
		close(h.settled)
	})
}

// hold starts the holder and keeps it for as long as the connection lasts. The
// remote's login shell may take any time to start it.
func (h *holding) hold(w wish) {
	holder, err := h.start(w)
	if isRejected(err) {
		h.mu.Lock()
		h.crowded = true
		h.mu.Unlock()
		return
	}
	if holder == nil {
		if !h.c.Over() { // else it went with the connection
			h.unlink(err)
		}
		return
	}
	if !h.installs(holder) {
		return // it had to make room
	}
	h.unlink(err)
	h.c.pulse.Now()
	h.c.goes(func() {
		holder.Listen()
		if h.current() == holder {
			h.c.Drop() // what holds the link is gone: begin anew
		}
	})
}

// start starts a holder. The error says why the agent cannot be used; with a
// holder beside it the script runs all the same and answers the pulse. One that
// was dismissed meanwhile is a *control.RoomError.
func (h *holding) start(w wish) (*link.Holder, error) {
	c := h.c
	s, err := c.sessions.get(c.ctx, w)
	if err != nil {
		return nil, &link.ForwardError{Reason: "holder", Err: err}
	}
	holder := link.NewHolder(s, c.Claims, link.Config{
		Log: c.Log, Every: c.pulse.Rest, Forwarding: c.Forwarding(), Unverified: c.ssh.Facts().Unverified,
		Found: h.finds, Pong: c.pulse.Answered, Lacks: h.unlink,
	})
	h.mu.Lock()
	h.beginning = holder
	h.mu.Unlock()
	if err = c.channels.forward(s); err == nil {
		err = s.shell()
	}
	if err == nil {
		var lacks error
		if lacks, err = holder.Take(); err == nil {
			return holder, lacks
		}
	}
	h.mu.Lock()
	if h.beginning == holder {
		h.beginning = nil
	} else {
		err = c.sessions.noRoom()
	}
	h.mu.Unlock()
	_ = s.Close() // it may wait for the server
	return nil, &link.ForwardError{Reason: "holder", Err: err}
}

// finds notes the agent's socket on the server.
func (h *holding) finds(agent string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.found = agent
}

// installs makes a holder that has begun the current one, unless it was
// dismissed meanwhile.
func (h *holding) installs(holder *link.Holder) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.beginning != holder {
		return false
	}
	h.holder, h.beginning, h.ends = holder, nil, holder.Ends()
	return true
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

// claim takes the link for a person, whoever has it. Should the connection
// break before that is answered, the next one claims it.
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
	h.holder, h.beginning, h.crowded = nil, nil, true
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

// recall starts the holder again, if it had no room or made room.
func (h *holding) recall() {
	h.mu.Lock()
	crowded := h.crowded
	h.crowded = false
	h.mu.Unlock()
	if crowded {
		h.c.goes(func() { h.hold(wish{}) })
	}
}

// recallSoon is recall after a set-up, or on a connection that has come back.
// The launch that this may have been for has its server started first.
func (h *holding) recallSoon() {
	h.mu.Lock()
	crowded := h.crowded
	h.mu.Unlock()
	if !crowded {
		return
	}
	h.c.goes(func() {
		select {
		case <-time.After(2 * makeRoom):
			h.recall()
		case <-h.c.ctx.Done():
		}
	})
}

// quit has the holder remove the link and end, if the network allows it. What is
// just being set up is taken back too.
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

// Owner returns whose the link is, 0 if that is not known.
func (c *Connection) Owner() link.Owner {
	if holder := c.holding.current(); holder != nil {
		return holder.Owner()
	}
	return 0
}

// Unhold ends the link holder for good: it would set the link again.
func (c *Connection) Unhold() { c.holding.dismiss() }
