package guard

import (
	"context"
	"errors"
	"io"
	"net"
	"syscall"
	"time"
)

// relay is the state of one channel:
//
//	            request           failed
//	unconnected ------> dialing ----------> without: every request is answered with a failure
//	     ^                 |
//	     | failure,        | session-bind
//	     | hang up         v            accepted, or there is none to send
//	     +------------- binding ----------------------------> bound --+ request, reply
//	     refused by an     |                                   ^ ^    |
//	     agent that has    | refused by an agent               | +----+
//	     accepted one:     | of which that is not known        |
//	     it is locked      v                                   |
//	                    doubtful --accepted, before or after --+
//	                     ^    |    a request
//	                     +----+ request, reply
//
// Agents other than OpenSSH's do not know session-bind, nor do old ones of
// OpenSSH. ssh uses them all the same, and they keep no constraints that depend
// on it. But a locked agent of OpenSSH refuses session-bind just as well (until
// August 2026), and takes the connection for a local one once it is unlocked. A
// locked agent's answers tell nothing. So the guard holds an answer of a
// doubtful agent that tells something back until it has tried to bind the agent
// again: if the agent is bound now, it was locked before, and the guard puts
// the request again.
//
// From each state the client's end of stream, an error or the context's end
// leads out.
type relay struct {
	guard   *Guard
	channel io.Writer
	inbox   *inbox
	bind    []byte

	agent  net.Conn // nil while unconnected
	path   string   // its socket's
	hangUp func()   // closes it
	bound  bool
	absent error // why there is no agent

	request, answer frame
	stats           Stats
}

// run serves requests until the client has no more. The error says why no agent
// was reached, or what ended the channel.
func (r *relay) run(ctx context.Context) error {
	defer func() { r.unconnect() }()
	for {
		r.request.reset() // an idle channel keeps nothing
		r.answer.reset()
		switch err := r.inbox.next(&r.request); {
		case errors.Is(err, io.EOF):
			return r.absent
		case err != nil:
			return &Error{Side: Remote, Op: "read", Err: err}
		}
		r.stats.Requests++
		if r.request.messageType() == agentcSignRequest {
			r.stats.Signs++
		}
		if err := r.serve(ctx); err != nil {
			return err
		}
		if err := r.answer.write(r.channel); err != nil {
			return &Error{Side: Remote, Op: "write", Err: err}
		}
	}
}

// serve makes the answer to the request. It sees every request whole before the
// agent sees any of it, so this is the place to decide on it.
func (r *relay) serve(ctx context.Context) error {
	if r.request.loadsLibrary() {
		r.refuse("a request to load a library was refused", nil)
		return nil
	}
	if r.agent == nil && r.absent == nil {
		r.absent = r.connect(ctx)
	}
	if r.absent != nil {
		r.refuse("no agent for a remote request", r.absent)
		return nil
	}
	bound, err := r.bindAgent()
	switch {
	case err != nil:
		return err
	case bound:
		return r.ask()
	case r.guard.binding.has(r.path):
		r.unconnect()
		r.refuse("the agent refuses to be bound, so it is locked", nil)
		return nil
	case r.request.needsBind():
		r.refuse("a request was refused that only a bound agent gets", nil)
		return nil
	}
	return r.askDoubtful()
}

// doubts is how often an agent has to refuse session-bind before the guard
// passes its answer on. An agent that is locked and unlocked as fast as
// possible accepts one in between.
const doubts = 8

// askDoubtful does what ask does, for an agent that does not know session-bind
// or is locked.
func (r *relay) askDoubtful() error {
	err := r.ask()
	if err != nil || r.answer.tellsNothing() {
		return err
	}
	for range doubts {
		bound, err := r.bindAgent()
		if err != nil {
			return err
		}
		if bound {
			return r.ask()
		}
	}
	return nil
}

// refuse answers the request with a failure.
func (r *relay) refuse(why string, cause error) {
	r.guard.tally.count(func(c *counts) { c.refused++ })
	r.guard.tally.warn(why, cause)
	r.answer.set(agentFailure)
}

// ask puts the request to the agent and awaits the answer.
func (r *relay) ask() error {
	if err := r.request.write(r.agent); err != nil {
		return &Error{Side: Agent, Op: "write", Err: err}
	}
	if err := r.answer.read(r.agent); err != nil {
		return &Error{Side: Agent, Op: "read", Err: midway(err)}
	}
	return nil
}

// connect dials the agent.
func (r *relay) connect(ctx context.Context) error {
	agent, path, err := connect(ctx, r.guard.dial)
	if err == nil {
		r.agent, r.path, r.hangUp = agent, path, closeWith(ctx, agent)
	}
	return err
}

// unconnect ends the agent's connection, so that the next one begins anew.
func (r *relay) unconnect() {
	if r.agent != nil {
		r.hangUp()
		r.agent = nil
	}
}

const (
	dialTimeout = 5 * time.Second

	// dialPause is the wait before the next try when the agent's queue of
	// connections is full.
	dialPause = 10 * time.Millisecond
)

// connect dials, and dials again while the agent's queue is full. For a Unix
// socket Linux says EAGAIN at once then; ssh-agent's queue holds 128
// connections.
func connect(ctx context.Context, dial Dial) (net.Conn, string, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	for {
		agent, path, err := dial(ctx)
		if err == nil {
			return agent, path, nil
		}
		if !errors.Is(err, syscall.EAGAIN) || !pause(ctx, dialPause) {
			return nil, "", &Error{Side: Agent, Op: "dial", Err: err}
		}
	}
}

// pause waits for d. It reports whether ctx lasted that long.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
