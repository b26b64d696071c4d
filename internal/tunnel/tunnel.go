package tunnel

import (
	"context"
	"fmt"
	"time"

	"github.com/mosha-ssh/mosha/internal/text"
)

// tunnel is one tunnel of a set, from when it is added until it is cancelled:
//
//	            listener open
//	waiting -------------------> up
//	   ^  \                       | SSH connection gone (-R)
//	   |   \---> failed           v
//	   |          | time       waiting
//	   +----------+
type tunnel struct {
	Request
	traffic
	set    *Set
	ctx    context.Context // ends when it is cancelled
	cancel context.CancelFunc
	done   chan struct{} // closed when its listener is gone
	retry  chan struct{} // one slot: try again now

	// The set's lock is theirs.
	state   State
	problem error
	trying  bool // to open its listener, for the first time or again
	port    int  // that the server has chosen
}

func newTunnel(s *Set, r Request) *tunnel {
	t := &tunnel{Request: r, set: s, done: make(chan struct{}), retry: make(chan struct{}, 1), state: Waiting}
	t.ctx, t.cancel = context.WithCancel(s.ctx)
	t.trying = r.Kind != Remote
	t.used = s.Used
	if t.used == nil {
		t.used = func() {}
	}
	return t
}

// run serves the tunnel until it is cancelled.
func (t *tunnel) run() {
	defer close(t.done)
	defer t.cancel()
	if t.Kind == Remote {
		t.runRemote()
		return
	}
	t.runLocal()
}

// again makes a tunnel that has failed try once more. The set's lock is held.
func (t *tunnel) again() {
	if t.state != Failed {
		return
	}
	select {
	case t.retry <- struct{}{}:
		t.trying = true
	default:
	}
}

// become notes what the tunnel does now. What is new goes to the log.
func (t *tunnel) become(state State, problem error) {
	news, first := false, false
	t.set.update(func() {
		first = !t.Had && state == Up && t.Kind == Remote
		news = t.state != state || fmt.Sprint(t.problem) != fmt.Sprint(problem)
		t.state, t.problem, t.trying = state, problem, false
		t.Had = t.Had || first
	})
	if first && t.set.Listened != nil {
		t.set.Listened()
	}
	if news {
		t.set.log.Info().Str("tunnel", t.Flag()).Str("state", string(state)).AnErr("problem", problem).Msg("tunnel")
	}
}

// logEnd logs what became of a connection, which the server may have worded.
func (t *tunnel) logEnd(err error, what string) {
	log := t.set.log.Sample(detail)
	log.Debug().Str("error", text.ASCII(err.Error())).Str("tunnel", t.String()).Msg(what)
}

// pause waits before the next try, until over is closed.
func (t *tunnel) pause(d time.Duration, over <-chan struct{}) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-t.retry:
	case <-over:
	case <-t.ctx.Done():
	}
}

func (t *tunnel) statusLocked() Status {
	return Status{
		Request: t.Request, State: t.state, Port: t.port, Problem: t.problem,
		Open: int(t.open.Load()), Total: t.total.Load(), Sent: t.up.Load(), Received: t.down.Load(),
	}
}
