package keeper

import (
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mosha-ssh/mosha/internal/link"
)

// holder drives the script that holds the link on the remote. The script runs
// in the session that asked for the agent, so it ends with the connection, and
// its answers prove the whole way there and back.
type holder struct {
	session *session
	events  *link.Reader
	ends    link.Ends  // as the server sees them
	remains remains    // what will be left of the session if the connection breaks
	place   link.Place // where the link is
	buried  []remains  // of earlier ones, whose end was ordered and not answered yet
	// unverified: whoever the server is, it does not get at the agent.
	unverified bool
	openSSH    bool // it is OpenSSH's sshd

	mu        sync.Mutex    // orders are written one at a time
	ended     chan struct{} // closed when the script has said its last
	dismissed atomic.Bool   // its end does not mean the connection's
	owed      atomic.Int32  // answers to orders, at most: one a line but for pings
}

// startHolder starts the script and has it take the link: for a person at once,
// else once it is known what will be left of it. The error says why the agent
// cannot be used; with a holder beside it the script runs all the same and
// answers the pulse. One that was dismissed meanwhile is a *RoomError.
func startHolder(c *connection, w wish) (*holder, error) {
	s, err := c.session(c.ctx, w)
	if err != nil {
		return nil, &ForwardError{Reason: "holder", Err: err}
	}
	h := &holder{session: s, events: link.NewReader(s), ended: make(chan struct{}), unverified: c.ssh.Facts().Unverified, openSSH: c.ssh.Facts().OpenSSH}
	c.mu.Lock()
	c.beginning = h
	c.mu.Unlock()
	link, err := h.takeLink(c)
	if err == nil {
		return h, h.problem(link)
	}
	c.mu.Lock()
	if h.dismissed.Load() {
		err = c.noRoom()
	} else {
		c.beginning = nil
	}
	c.mu.Unlock()
	_ = s.Close() // it may wait for the server
	return nil, &ForwardError{Reason: "holder", Err: err}
}

// takeLink starts the script and returns what became of the link. With it go
// the orders to end what is left of earlier connections, so that whoever hangs
// on their agents fails at once.
func (h *holder) takeLink(c *connection) (link.Outcome, error) {
	claimed, first := c.k.claims(), link.Order("")
	if claimed {
		first = link.Claim
	}
	if err := h.begin(c, first); err != nil {
		return link.Outcome{}, err
	}
	if err := h.introduce(); err != nil {
		return link.Outcome{}, err
	}
	c.k.update(func() { c.remains = h.remains })
	h.buried = c.k.leave(h.remains)
	var orders link.Order
	if !claimed {
		orders, claimed = c.k.reclaim(h.buried)
	}
	for _, r := range h.buried {
		orders += link.Bury(r.sshd, r.agent)
	}
	h.order(orders)
	link, err := h.awaitLink()
	if err == nil {
		c.linked(link, claimed)
	}
	return link, err
}

// reclaim returns the order that takes the link from what is left of earlier
// connections, or for a person who has come meanwhile.
func (k *Keeper) reclaim(from []remains) (order link.Order, claimed bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.claiming {
		return link.Claim, true
	}
	var sockets []string
	for _, r := range from {
		sockets = append(sockets, r.agent)
	}
	return link.Reclaim(k.actor, sockets...), false
}

// begin sends all that the script needs without waiting in between.
func (h *holder) begin(c *connection, first link.Order) error {
	if err := c.forwardAgent(h.session); err != nil {
		return err
	}
	if err := h.session.shell(); err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.owed.Store(int32(strings.Count(string(first), "\n")))
	_, err := h.session.Write(link.Script(first, c.pulse.Rest, c.forwarding()))
	return err
}

// introduce reads what the script says when it starts, up to where the link is.
func (h *holder) introduce() error {
	for {
		event, err := h.events.Next()
		if err != nil {
			return err
		}
		switch event := event.(type) {
		case link.Ends:
			h.ends = event
		case link.Sshd:
			h.remains.sshd = event
		case link.Agent:
			h.remains.agent = event.Path
		case link.Place:
			h.place = event
			return nil
		}
	}
}

// awaitLink reads what became of the link.
func (h *holder) awaitLink() (link.Outcome, error) {
	for {
		event, err := h.events.Next()
		if err != nil {
			return link.Outcome{}, err
		}
		if link, ok := event.(link.Outcome); ok && h.asked(event) {
			return link, nil
		}
	}
}

// problem says what a person is to know of the link, nil if it is set or was
// rightly left to another machine.
func (h *holder) problem(outcome link.Outcome) error {
	switch {
	case h.unverified:
		return &ForwardError{Reason: "unverified"}
	case h.place == link.PlaceLoop: // the session has the agent that the link leads to
		return nil
	case h.remains.agent == "":
		return &ForwardError{Reason: "refused", OpenSSH: h.openSSH}
	case outcome.State == link.Failed && h.place == link.PlaceNone:
		return &ForwardError{Reason: "socket", Err: outcome.Cause}
	case outcome.State == link.Failed:
		return &ForwardError{Reason: "link", Err: outcome.Cause}
	case h.place == link.PlaceRuntime:
		return &ForwardError{Reason: "runtime"}
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
		case link.Pong:
			c.owns(event.Owner)
			c.pulse.Answered(event.Token)
		case link.Outcome:
			c.linked(event, true)
			c.unlink(h.problem(event))
		case link.Buried:
			h.answeredBury(c, event)
		}
	}
}

// asked says whether what the script says is the answer to an order. Answers
// go to the log: more of them than orders would push all else out of it. Those
// to pings do not.
func (h *holder) asked(event link.Event) bool {
	if _, pong := event.(link.Pong); pong {
		return true
	}
	if h.owed.Load() == 0 {
		return false
	}
	h.owed.Add(-1)
	return true
}

// answeredBury takes the answer to the oldest order to bury that has none.
func (h *holder) answeredBury(c *connection, answer link.Buried) {
	if len(h.buried) == 0 {
		return // it was not asked
	}
	c.log.Info().Bool("done", answer.Done).Msg("remains of an earlier connection")
	c.k.forget(h.buried[0])
	h.buried = h.buried[1:]
}

// order sends the script an order. A connection that is gone shows elsewhere.
func (h *holder) order(o link.Order) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !strings.HasPrefix(string(o), "ping ") {
		h.owed.Add(int32(strings.Count(string(o), "\n")))
	}
	_, _ = h.session.Write([]byte(o))
}

// leave has a script that has said nothing yet end once it runs, and leave the
// link as it is. It waits no longer than limit for the server to take that.
func (h *holder) leave(limit time.Duration) {
	taken := make(chan struct{})
	go func() {
		defer close(taken)
		h.order(link.Leave)
		_ = h.session.CloseWrite()
	}()
	select {
	case <-taken:
	case <-time.After(limit):
	}
}

// quit has the script remove the link, if it is still its own, and end. It
// waits for that no longer than limit.
func (h *holder) quit(limit time.Duration) {
	go func() {
		h.order(link.Quit)
		_ = h.session.CloseWrite()
	}()
	select {
	case <-h.ended:
	case <-time.After(limit):
	}
}
