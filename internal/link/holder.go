package link

import (
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/mosha-ssh/mosha/internal/remotesh"
)

// Session is the session in which the script runs: the one that asked for the
// agent, so that it ends with the connection.
type Session interface {
	io.ReadWriteCloser
	CloseWrite() error
}

// Config is what a Holder goes by, and whom it tells. The functions are called
// one at a time.
type Config struct {
	Log        zerolog.Logger
	Every      time.Duration // between two pings, at most
	Forwarding remotesh.Forwarding
	Unverified bool               // the server may be another than it should be: it does not get at the agent
	Found      func(agent string) // the agent's socket, "" if none is forwarded
	Pong       func(token uint64) // the answer to a ping
	Lacks      func(error)        // why the agent cannot be used, nil if it can, by a later order
}

// Holder drives the script that holds the link on the remote. Its answers prove
// the whole way there and back.
type Holder struct {
	Config
	claims  *Claims
	session Session
	events  *reader
	ends    Ends           // as the server sees them
	own     remains        // what will be left of the session if the connection breaks
	place   remotesh.Place // where the link is
	buried  []remains      // of earlier ones, whose end was ordered and not answered yet

	mu    sync.Mutex    // orders are written one at a time
	ended chan struct{} // closed when the script has said its last
	owed  atomic.Int32  // answers to orders, at most: one a line but for pings
	owner atomic.Value  // an Owner: whose the link is; nil: that is not known
}

// NewHolder returns a holder in a session in which a shell runs.
func NewHolder(session Session, claims *Claims, config Config) *Holder {
	return &Holder{Config: config, claims: claims, session: session, events: newReader(session), ended: make(chan struct{})}
}

// Take starts the script and makes it take the link: for a person at once, else
// once it is known what will be left of it. With that go the orders to end what
// is left of earlier connections, so that those who hang on their agents fail
// at once. lacks is why the agent cannot be used, nil if it can. The error says
// that the script does not run.
func (h *Holder) Take() (lacks, err error) {
	first, claims := order(""), h.claims.pending()
	if claims {
		first = claim
	}
	if err := h.begin(first); err != nil {
		return nil, err
	}
	if err := h.introduce(); err != nil {
		return nil, err
	}
	h.Found(h.own.agent)
	h.buried = h.claims.leave(h.own)
	var orders order
	if !claims {
		orders, claims = h.claims.order(h.buried)
	}
	for _, r := range h.buried {
		orders += bury(r.sshd, r.agent)
	}
	h.order(orders)
	outcome, err := h.awaitOutcome()
	if err != nil {
		return nil, err
	}
	h.took(outcome, claims)
	return h.lacks(outcome), nil
}

// begin sends the script.
func (h *Holder) begin(first order) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.owed.Store(int32(strings.Count(string(first), "\n")))
	return remotesh.Begin(h.session, script(first, h.Every, h.Forwarding))
}

// introduce reads what the script says when it starts, up to where the link is.
func (h *Holder) introduce() error {
	for {
		event, err := h.events.Next()
		if err != nil {
			return err
		}
		switch event := event.(type) {
		case Ends:
			h.ends = event
		case process:
			h.own.sshd = event
		case socket:
			h.own.agent = event.Path
		case remotesh.Place:
			h.place = event
			return nil
		}
	}
}

// order sends the script an order. A connection that is gone shows elsewhere.
func (h *Holder) order(o order) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !strings.HasPrefix(string(o), "ping ") {
		h.owed.Add(int32(strings.Count(string(o), "\n")))
	}
	_, _ = h.session.Write([]byte(o))
}

// awaitOutcome reads what became of the link.
func (h *Holder) awaitOutcome() (outcome, error) {
	for {
		event, err := h.events.Next()
		if err != nil {
			return outcome{}, err
		}
		if outcome, ok := event.(outcome); ok && h.asked(event) {
			return outcome, nil
		}
	}
}

// asked reports whether what the script says is the answer to an order. Answers
// go to the log: more of them than orders would push all else out of it. Those
// to pings do not.
func (h *Holder) asked(event event) bool {
	if _, pong := event.(pong); pong {
		return true
	}
	if h.owed.Load() == 0 {
		return false
	}
	h.owed.Add(-1)
	return true
}

// took notes what became of the link, which was claimed or reclaimed. One that
// was kept is that of a machine on which a person has acted since.
func (h *Holder) took(outcome outcome, claims bool) {
	h.Log.Info().Int("state", int(outcome.State)).AnErr("cause", outcome.Cause).Msg("link")
	switch {
	case outcome.State == kept:
		h.owns(ownerOther)
	case claims:
		h.claims.answered()
	}
}

// owns notes whose the link is.
func (h *Holder) owns(owner Owner) {
	h.owner.Store(owner)
	if owner == ownerOther {
		h.claims.lost()
	}
}

// lacks returns what a person is to know of the link, nil if it is set or was
// rightly left to another machine.
func (h *Holder) lacks(outcome outcome) error {
	switch {
	case h.Unverified:
		return &ForwardError{Reason: "unverified"}
	case h.place == placeLoop: // the session has the agent that the link leads to
		return nil
	case h.own.agent == "":
		return &ForwardError{Reason: "refused", OpenSSH: h.Forwarding.OpenSSH}
	case outcome.State == failed && h.place == remotesh.PlaceNone:
		return &ForwardError{Reason: "socket", Err: outcome.Cause}
	case outcome.State == failed:
		return &ForwardError{Reason: "link", Err: outcome.Cause}
	case h.place == remotesh.PlaceRuntime:
		return &ForwardError{Reason: "runtime"}
	}
	return nil
}

// Ends returns the addresses of the connection, once Take has returned.
func (h *Holder) Ends() Ends { return h.ends }

// Listen reads the script's answers until it ends. First it has the link taken
// for a person who came while Take reclaimed it.
func (h *Holder) Listen() {
	defer close(h.ended)
	if h.claims.pending() {
		h.Claim()
	}
	for {
		event, err := h.events.Next()
		if err != nil {
			h.Log.Debug().Err(err).Msg("holder ended")
			return
		}
		if !h.asked(event) {
			continue
		}
		switch event := event.(type) {
		case pong:
			h.owns(event.Owner)
			h.Pong(event.Token)
		case outcome:
			h.took(event, true)
			h.Lacks(h.lacks(event))
		case buried:
			h.answeredBury(event)
		}
	}
}

// answeredBury takes the answer to the oldest order to bury that has none.
func (h *Holder) answeredBury(answer buried) {
	if len(h.buried) == 0 {
		return // it was not asked
	}
	h.Log.Info().Bool("done", answer.Done).Msg("remains of an earlier connection")
	h.claims.forget(h.buried[0])
	h.buried = h.buried[1:]
}

// Owner returns whose the link is, "" if that is not known.
func (h *Holder) Owner() Owner {
	owner, _ := h.owner.Load().(Owner)
	return owner
}

// Claim takes the link for a person, whichever machine has it.
func (h *Holder) Claim() { h.order(claim) }

// Ping asks for a pong.
func (h *Holder) Ping(token uint64) { h.order(ping(token)) }

// Leave makes a script that has said nothing yet end once it runs, and leave the
// link as it is. It waits no longer than limit for the server to take that.
func (h *Holder) Leave(limit time.Duration) {
	taken := make(chan struct{})
	go func() {
		defer close(taken)
		h.order(leave)
		_ = h.session.CloseWrite()
	}()
	select {
	case <-taken:
	case <-time.After(limit):
	}
}

// Quit makes the script remove the link, if it is still its own, and end. It
// waits for that no longer than limit.
func (h *Holder) Quit(limit time.Duration) {
	go func() {
		h.order(quit)
		_ = h.session.CloseWrite()
	}()
	select {
	case <-h.ended:
	case <-time.After(limit):
	}
}

// Close ends the session.
func (h *Holder) Close() error { return h.session.Close() }
