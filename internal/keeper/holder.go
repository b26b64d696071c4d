package keeper

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mosha-ssh/mosha/internal/bootstrap"
)

// holder drives the script that holds the link on the remote. The script runs
// in the session that asked for the agent, so it ends with the connection, and
// its answers prove the whole way there and back.
type holder struct {
	session *session
	events  *bootstrap.HolderReader
	ends    bootstrap.Connection // as the server sees them
	remains remains              // what will be left of the session if the connection breaks
	// unverified: whoever the server is, it does not get at the agent.
	unverified bool

	mu        sync.Mutex    // orders are written one at a time
	ended     chan struct{} // closed when the script has said its last
	dismissed atomic.Bool   // its end does not mean the connection's
	owed      atomic.Int32  // answers to orders, at most: one a line but for pings
}

// startHolder starts the script, which carries out its first order, Claim or
// Reclaim, at once. The error says why the agent cannot be used; with a holder
// beside it the script runs all the same and answers the pulse.
func startHolder(ctx context.Context, c *connection, first bootstrap.Order) (*holder, error) {
	s, err := openSession(c.ssh)
	if isRejected(err) {
		s, err = c.trySessions(ctx)
	}
	if err != nil {
		return nil, &ForwardError{Reason: "holder", Err: err}
	}
	stop := context.AfterFunc(ctx, func() { _ = s.Close() })
	defer stop()
	h := &holder{session: s, events: bootstrap.NewHolderReader(s), ended: make(chan struct{}), unverified: c.ssh.Facts().Unverified}
	if err := h.begin(c, first); err != nil {
		_ = s.Close()
		return nil, &ForwardError{Reason: "holder", Err: err}
	}
	link, err := h.introduce()
	if err != nil {
		_ = s.Close()
		return nil, &ForwardError{Reason: "holder", Err: err}
	}
	c.linked(link)
	return h, h.problem(link)
}

// begin sends all that the script needs without waiting in between.
func (h *holder) begin(c *connection, first bootstrap.Order) error {
	if err := c.forwardAgent(h.session); err != nil {
		return err
	}
	if err := h.session.exec(shellCommand); err != nil {
		return err
	}
	_, err := h.session.Write(bootstrap.HolderScript(first, c.pulse.rest, c.forwarding()))
	return err
}

// introduce reads what the script says when it starts, up to what became of
// the link.
func (h *holder) introduce() (bootstrap.Link, error) {
	for {
		event, err := h.events.Next()
		if err != nil {
			return bootstrap.Link{}, err
		}
		switch event := event.(type) {
		case bootstrap.Connection:
			h.ends = event
		case bootstrap.Agent:
			h.remains.agent = event.Path
		case bootstrap.Sshd:
			h.remains.sshd = event
		case bootstrap.Link:
			return event, nil
		}
	}
}

// problem says what a person is to know of the link, nil if it is set or was
// rightly left to another machine.
func (h *holder) problem(link bootstrap.Link) error {
	switch {
	case h.unverified:
		return &ForwardError{Reason: "unverified"}
	case h.remains.agent == "":
		return &ForwardError{Reason: "refused"}
	case link.State == bootstrap.LinkFailed:
		return &ForwardError{Reason: "link", Err: link.Cause}
	}
	return nil
}

// listen reads the script's answers until it ends.
func (h *holder) listen(c *connection) {
	defer close(h.ended)
	for {
		event, err := h.events.Next()
		if err != nil {
			c.log.Debug().Err(err).Msg("holder ended")
			return
		}
		if !h.asked(event) {
			continue
		}
		switch event := event.(type) {
		case bootstrap.Pong:
			c.owns(event.Owner)
			c.pulse.answered(event.Token)
		case bootstrap.Link:
			c.linked(event)
			c.unlink(h.problem(event))
		case bootstrap.Buried:
			c.log.Info().Bool("done", event.Done).Msg("remains of the connection before")
		}
	}
}

// asked says whether what the script says is the answer to an order. Answers
// go to the log: more of them than orders would push all else out of it. Those
// to pings do not.
func (h *holder) asked(event bootstrap.HolderEvent) bool {
	if _, pong := event.(bootstrap.Pong); pong {
		return true
	}
	if h.owed.Load() == 0 {
		return false
	}
	h.owed.Add(-1)
	return true
}

// order sends the script an order. A connection that is gone shows elsewhere.
func (h *holder) order(o bootstrap.Order) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !strings.HasPrefix(string(o), "ping ") {
		h.owed.Add(int32(strings.Count(string(o), "\n")))
	}
	_, _ = h.session.Write([]byte(o))
}

// quit has the script remove the link, if it is still its own, and end. It
// waits for that no longer than limit.
func (h *holder) quit(limit time.Duration) {
	go func() {
		h.order(bootstrap.Quit)
		_ = h.session.CloseWrite()
	}()
	select {
	case <-h.ended:
	case <-time.After(limit):
	}
}
