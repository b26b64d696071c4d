package guard

import (
	"context"
	"errors"
	"io"
	"net"
	"syscall"
	"time"

	"github.com/rs/zerolog"
)

const (
	dialTimeout = 5 * time.Second

	// dialPause is the wait before the next try when the agent's queue of connections is full.
	dialPause = 10 * time.Millisecond
)

// Stats counts what a remote client asked for on one channel, answered or not.
type Stats struct {
	Requests int // complete requests of any type
	Signs    int // of them, requests for a signature
}

// Serve passes the requests that come on channel to an agent, one at a time, and their replies back, until the remote
// client closes its side, an error ends the channel, or ctx ends. Then it closes both sides; when it returns, no
// goroutine of it is left.
//
// dial opens a fresh connection to the agent; it is called once, when the first request is there, so that a channel on
// which nothing is asked costs the agent nothing. It has five seconds. If it fails, the client's requests are all answered
// with SSH_AGENT_FAILURE, which makes programs end at once with their usual message; merely closing the channel would
// kill some of them with SIGPIPE. bind, if not nil, is a session-bind message (PROTOCOL.agent, section 1), without length
// field, that is sent on that connection before anything else.
//
// A reply may take as long as a person needs to touch a key. A client that only half closes its side, having asked,
// still gets its reply, which means that a client's going away is not seen while the agent works: a caller who knows that
// the channel is closed must end ctx.
//
// The error is nil when the client closed the channel after any number of requests, ctx's cause when ctx ended, or an *Error.
// The log gets types and sizes of messages, never their contents.
func Serve(ctx context.Context, channel io.ReadWriteCloser, dial func(context.Context) (net.Conn, error), bind []byte,
	log zerolog.Logger,
) (Stats, error) {
	r := relay{channel: channel, unsentBind: bind, log: log}
	return r.serve(ctx, channel, dial)
}

// ServeMaster is Serve for a channel that OpenSSH's ssh forwards and that it begins with a session-bind message of its
// own. That message is answered here, at once, since ssh does nothing else until it is, and given to the agent as bind is.
// An ssh before 8.9 sends none. The agent then takes the requests for local ones, so those are refused that would have it
// load a library from this machine.
func ServeMaster(ctx context.Context, channel io.ReadWriteCloser, dial func(context.Context) (net.Conn, error),
	log zerolog.Logger,
) (Stats, error) {
	r := relay{channel: channel, bindComes: true, log: log}
	return r.serve(ctx, channel, dial)
}

// serve runs the relay and closes the channel.
func (r *relay) serve(ctx context.Context, channel io.Closer, dial func(context.Context) (net.Conn, error)) (Stats, error) {
	defer closeWith(ctx, channel)()
	err := r.run(ctx, dial)
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	r.log.Debug().Err(err).Int("requests", r.stats.Requests).Int("signs", r.stats.Signs).Msg("agent channel ended")
	return r.stats, err
}

// relay is the state of one channel. Its single frame holds a request, then that request's reply:
//
//	           first request         dial done
//	unconnected ----------> dialing ----------> passing --+ request, reply
//	                           |                  ^  |     |
//	                           | failed           +--------+
//	                           v
//	                        refusing --+ request, SSH_AGENT_FAILURE
//	                           ^       |
//	                           +-------+
//
// From each state the client's end of stream, an error or the context's end leads out.
type relay struct {
	channel    io.ReadWriter
	unsentBind []byte // nil when the agent has accepted it, or there is none
	bindComes  bool   // the channel begins with it
	unbound    bool   // it should have, but did not
	log        zerolog.Logger
	frame      frame
	stats      Stats
}

func (r *relay) run(ctx context.Context, dial func(context.Context) (net.Conn, error)) error {
	if more, err := r.firstRequest(); !more {
		return err
	}
	agent, err := connect(ctx, dial)
	if err != nil {
		return r.refuse(err)
	}
	defer closeWith(ctx, agent)()
	return r.pass(agent)
}

// nextRequest reads a request into the frame. It returns false at the end of the channel.
func (r *relay) nextRequest() (bool, error) {
	err := r.frame.read(r.channel)
	if errors.Is(err, io.EOF) {
		return false, nil
	}
	if err != nil {
		return false, &Error{Side: Remote, Op: "read", Err: err}
	}
	r.count()
	return true, nil
}

// count takes the request in the frame into account.
func (r *relay) count() {
	r.stats.Requests++
	if r.frame.messageType() == agentcSignRequest {
		r.stats.Signs++
	}
	r.log.Debug().Uint8("type", r.frame.messageType()).Int("size", r.frame.size()).Msg("agent request")
}

// pass serves requests, beginning with the one in the frame. Here every request is seen whole before the agent sees
// any of it, so this is the place to decide on it: a refusal is r.frame.set(agentFailure) instead of r.ask(agent).
func (r *relay) pass(agent io.ReadWriter) error {
	for {
		if err := r.bind(agent); err != nil {
			return err
		}
		if r.unbound && loadsLibrary(r.frame.messageType()) {
			r.log.Warn().Uint8("type", r.frame.messageType()).Msg("agent request refused: the agent cannot be told where it comes from")
			r.frame.set(agentFailure)
		} else if err := r.ask(agent); err != nil {
			return err
		}
		if err := r.reply(); err != nil {
			return err
		}
		if more, err := r.nextRequest(); !more {
			return err
		}
	}
}

// refuse answers every request, beginning with the one in the frame, with a failure, and returns cause.
func (r *relay) refuse(cause error) error {
	r.log.Warn().Err(cause).Msg("no agent for a remote request")
	for more := true; more; more, _ = r.nextRequest() {
		r.frame.set(agentFailure)
		if r.reply() != nil {
			break
		}
	}
	return cause
}

// bind tells the agent where the requests come from, before the first of them, and again before each further one until it
// accepts that. A locked agent refuses all requests, this one too; the connection would count as a local one when it
// is unlocked. An agent that does not know session-bind, such as gpg-agent, keeps no constraints that depend on it.
func (r *relay) bind(agent io.ReadWriter) error {
	if r.unsentBind == nil {
		return nil
	}
	bound, err := bindSession(agent, r.unsentBind)
	if err != nil {
		return &Error{Side: Agent, Op: "bind", Err: err}
	}
	r.log.Debug().Bool("accepted", bound).Msg("agent session-bind")
	if bound {
		r.unsentBind = nil
	}
	return nil
}

// ask replaces the request in the frame by the agent's reply.
func (r *relay) ask(agent io.ReadWriter) error {
	if err := r.frame.write(agent); err != nil {
		return &Error{Side: Agent, Op: "write", Err: err}
	}
	if err := r.frame.read(agent); err != nil {
		return &Error{Side: Agent, Op: "read", Err: midway(err)}
	}
	return nil
}

// reply sends the frame to the client.
func (r *relay) reply() error {
	r.log.Debug().Uint8("type", r.frame.messageType()).Int("size", r.frame.size()).Msg("agent reply")
	if err := r.frame.write(r.channel); err != nil {
		return &Error{Side: Remote, Op: "write", Err: err}
	}
	return nil
}

// connect dials, and dials again while the agent's queue is full: with a Unix socket Linux then says EAGAIN at once, and
// ssh-agent's queue holds 128 connections.
func connect(ctx context.Context, dial func(context.Context) (net.Conn, error)) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	for {
		agent, err := dial(ctx)
		if err == nil {
			return agent, nil
		}
		if !errors.Is(err, syscall.EAGAIN) || !pause(ctx, dialPause) {
			return nil, &Error{Side: Agent, Op: "dial", Err: err}
		}
	}
}

// pause waits for d; it returns false if ctx ended first.
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

// closeWith closes c when ctx ends. The function that it returns closes it if that has not happened yet, and waits for it
// if it is happening. What Close says is of no use: both sides are done with.
func closeWith(ctx context.Context, c io.Closer) (end func()) {
	closed := make(chan struct{})
	closeIt := func() {
		_ = c.Close()
		close(closed)
	}
	stop := context.AfterFunc(ctx, closeIt)
	return func() {
		if stop() {
			closeIt()
		}
		<-closed
	}
}
