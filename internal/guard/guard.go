package guard

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

// Stats counts what remote clients asked for, with or without an answer.
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
func (g *Guard) Serve(ctx context.Context, channel io.ReadWriteCloser, bind []byte) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	closeChannel := closeWith(ctx, channel)
	r := relay{guard: g, channel: channel, bind: bind, bound: bind == nil, inbox: newInbox()}
	var reading sync.WaitGroup
	reading.Go(func() {
		r.inbox.fill(channel, func() { cancel(&Error{Side: Remote, Op: "read", Err: errUnread}) })
	})
	err := r.run(ctx)
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	closeChannel()
	reading.Wait()
	g.ended(err, r.stats)
	return err
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
