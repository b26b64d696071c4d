package keeper

import (
	"context"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/mosha-ssh/mosha/internal/bootstrap"
)

const (
	// heartbeat is how often the holder is asked whether it lives, and
	// heartbeatLimit how long it may take to answer before the connection
	// counts as lost.
	heartbeat      = 5 * time.Second
	heartbeatLimit = 10 * time.Second
)

// holder drives the script that holds the link on the remote. The script runs
// in the session that asked for the agent, so it ends with the connection, and
// its answers prove the whole way there and back.
type holder struct {
	session *session
	events  *bootstrap.HolderReader
	peer    string // the server's address as the server sees it, "" if unknown

	mu     sync.Mutex // orders are written one at a time
	pinged uint64
	ponged chan uint64
	ended  chan struct{} // closed when the script has said its last
}

// startHolder starts the script, which sets the link at once: whoever has it,
// if claim says that a person began this, else only if nobody alive does. The
// error says why the agent cannot be used; with a holder beside it the script
// runs all the same and answers the heartbeat.
func startHolder(ctx context.Context, c *connection, claim bool) (*holder, error) {
	s, err := openSession(c.ssh)
	if err != nil {
		return nil, &ForwardError{Reason: "holder", Err: err}
	}
	stop := context.AfterFunc(ctx, func() { _ = s.Close() })
	defer stop()
	first := bootstrap.Reclaim
	if claim {
		first = bootstrap.Claim
	}
	h := &holder{
		session: s, events: bootstrap.NewHolderReader(s),
		ponged: make(chan uint64, 1), ended: make(chan struct{}),
	}
	if err := h.begin(first); err != nil {
		_ = s.Close()
		return nil, &ForwardError{Reason: "holder", Err: err}
	}
	link, err := h.introduce()
	if err != nil {
		_ = s.Close()
		return nil, &ForwardError{Reason: "holder", Err: err}
	}
	return h, link
}

// begin sends all that the script needs without waiting in between.
func (h *holder) begin(first bootstrap.Order) error {
	if err := h.session.forwardAgent(); err != nil {
		return err
	}
	if err := h.session.exec(shellCommand); err != nil {
		return err
	}
	_, err := h.session.Write(bootstrap.HolderScript(first))
	return err
}

// introduce reads what the script says when it starts, up to what became of
// the link. link is nil where that is set.
func (h *holder) introduce() (link, err error) {
	forwarded := false
	for {
		event, err := h.events.Next()
		if err != nil {
			return nil, err
		}
		switch event := event.(type) {
		case bootstrap.Connection:
			if addr := event.Server.Addr(); addr.IsValid() {
				h.peer = addr.Unmap().String()
			}
		case bootstrap.Agent:
			forwarded = event.Path != ""
		case bootstrap.Link:
			return linkProblem(forwarded, event), nil
		}
	}
}

// linkProblem says what a person is to know of the link, nil if it is set or
// was rightly left to another machine.
func linkProblem(forwarded bool, link bootstrap.Link) error {
	switch {
	case !forwarded:
		return &ForwardError{Reason: "refused"}
	case link.State == bootstrap.LinkFailed:
		return &ForwardError{Reason: "link", Err: link.Cause}
	}
	return nil
}

// run reads the script's answers and sends the heartbeat until ctx ends. It
// returns early when the script ended or no longer answers: the connection is
// then lost.
func (h *holder) run(ctx context.Context, log zerolog.Logger) {
	go h.listen(log)
	next := time.NewTicker(heartbeat)
	defer next.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-h.ended:
			return
		case <-next.C:
		}
		if !h.beat(ctx) {
			log.Warn().Msg("no heartbeat")
			return
		}
	}
}

// beat sends one heartbeat and waits for its answer.
func (h *holder) beat(ctx context.Context) bool {
	h.pinged++
	token := h.pinged
	go h.order(bootstrap.Ping(token)) // a write into a dead network blocks
	limit := time.NewTimer(heartbeatLimit)
	defer limit.Stop()
	for {
		select {
		case got := <-h.ponged:
			if got == token {
				return true
			}
		case <-h.ended:
			return false
		case <-limit.C:
			return false
		case <-ctx.Done():
			return true
		}
	}
}

// listen reads the script's answers until it ends.
func (h *holder) listen(log zerolog.Logger) {
	defer close(h.ended)
	for {
		event, err := h.events.Next()
		if err != nil {
			log.Debug().Err(err).Msg("holder ended")
			return
		}
		switch event := event.(type) {
		case bootstrap.Pong:
			select {
			case h.ponged <- event.Token:
			default: // an answer nobody waits for any more
			}
		case bootstrap.Link:
			log.Info().Int("state", int(event.State)).AnErr("cause", event.Cause).Msg("link")
		}
	}
}

// order sends the script an order. A connection that is gone shows elsewhere.
func (h *holder) order(o bootstrap.Order) {
	h.mu.Lock()
	defer h.mu.Unlock()
	_, _ = h.session.Write([]byte(o))
}

// claim takes the link back from whoever has it since.
func (h *holder) claim() { h.order(bootstrap.Claim) }

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
