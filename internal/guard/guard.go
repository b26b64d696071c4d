package guard

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"syscall"
	"time"

	"github.com/rs/zerolog"
)

const (
	dialTimeout = 5 * time.Second

	// dialPause is the wait before the next try when the agent's queue of
	// connections is full.
	dialPause = 10 * time.Millisecond
)

// Stats counts what a remote client asked for on one channel, with or without
// an answer.
type Stats struct {
	Requests int // complete requests of any type
	Signs    int // of them, requests for a signature
}

// Guard serves the agent channels of all connections. It remembers what tells a
// locked agent.
type Guard struct {
	dial    Dial
	binding binding
	tally   tally
}

// Dial opens a fresh connection to the agent. It also returns the path of the
// socket that it dialed.
type Dial func(context.Context) (conn net.Conn, path string, err error)

// New returns a guard for the agent that dial reaches. The guard logs numbers,
// never what was in a message. It logs little more than a line a minute,
// whatever the remotes do.
func New(dial Dial, log zerolog.Logger) *Guard {
	return &Guard{dial: dial, tally: tally{log: log, warned: make(map[string]time.Time)}}
}

// End writes to the log what was counted since its last line.
func (g *Guard) End() { g.tally.tell() }

// Warn logs something that a remote can cause, once an hour for each kind.
func (g *Guard) Warn(kind string, err error) { g.tally.warn(kind, err) }

// Serve passes the requests that come on channel to an agent, one at a time,
// and their replies back, until the remote client closes its side, an error
// ends the channel, or ctx ends. Then it closes both sides. When it returns,
// none of its goroutines is left; a channel of SSH has to be closed by its
// other side for that.
//
// Serve dials the agent when the first request is there, so that a channel
// without requests costs the agent nothing. The dial has five seconds. If it
// fails, Serve answers all requests with SSH_AGENT_FAILURE, which makes
// programs end at once with their usual message; merely closing the channel
// would kill some of them with SIGPIPE. bind, if not nil, is a session-bind
// message (PROTOCOL.agent, section 1) without length field. Serve sends it on
// that connection before anything else.
//
// Serve answers with a failure each request that would have the agent load a
// library, and all requests while an agent that knows session-bind refuses it.
//
// A reply may take as long as a person needs to touch a key. A client that asks
// and then half closes its side still gets its reply. So Serve does not see a
// client go away while the agent works: a caller that knows that the channel is
// closed must end ctx.
//
// The error is nil when the client closed the channel after any number of
// requests, ctx's cause when ctx ended, or an *Error.
func (g *Guard) Serve(ctx context.Context, channel io.ReadWriteCloser, bind []byte) (Stats, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	r := relay{guard: g, channel: channel, bind: bind, bound: bind == nil, inbox: newInbox()}
	closeChannel := closeWith(ctx, channel)
	var reading sync.WaitGroup
	reading.Go(func() {
		r.inbox.fill(channel, func() { cancel(&Error{Side: Remote, Op: "read", Err: &UnreadError{}}) })
	})
	err := r.run(ctx)
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	closeChannel()
	reading.Wait()
	g.ended(err, r.stats)
	return r.stats, err
}

// ended counts a channel and logs its error.
func (g *Guard) ended(err error, stats Stats) {
	failure := (*Error)(nil)
	failed := errors.As(err, &failure)
	g.tally.count(func(c *counts) {
		c.channels++
		c.requests += stats.Requests
		c.signs += stats.Signs
		if failed {
			c.failed++
		}
	})
	if failed {
		g.tally.warn("agent channel: "+string(failure.Side)+" "+failure.Op, err)
	}
}

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

// closeWith closes c when ctx ends. The function that it returns closes c at
// once, unless that has happened, and waits until c is closed. An error of
// Close does not matter: both sides are done.
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
