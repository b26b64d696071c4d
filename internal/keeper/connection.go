package keeper

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/mosha-ssh/mosha/internal/guard"
	"github.com/mosha-ssh/mosha/internal/keeper/control"
	"github.com/mosha-ssh/mosha/internal/keeper/pulse"
	"github.com/mosha-ssh/mosha/internal/link"
	"github.com/mosha-ssh/mosha/internal/sshconn"
)

const (
	// settleLimit is how long a session's start waits for the set-up and the
	// link, once the server answers. Start-up files that take longer do not hold
	// it up, and are not cut short either.
	settleLimit = 15 * time.Second
	// farewell is how long a clean end waits for the remote to remove the link.
	farewell = time.Second
)

// connection is one SSH connection while it lasts, with what runs on it: the
// set-up, the link holder, the agent channels and the starts of mosh-server.
// It ends once, by close, by drop or by itself, and done is closed when
// nothing of it runs any more.
type connection struct {
	k     *Keeper
	ssh   sshconn.Connection
	log   zerolog.Logger
	pulse *pulse.Pulse

	ctx    context.Context // ends with the connection
	cancel context.CancelFunc
	work   sync.WaitGroup
	done   chan struct{}

	questions chan uint64 // of the pulse, at most one

	room  *room
	spare chan *session // at most one session opened ahead of its use

	made     time.Time     // when the server let us in
	answered chan struct{} // closed with its first answer
	first    sync.Once     // closes that

	holding chan struct{} // closed when the holder was started, could not be, or is waited for no longer
	held    sync.Once     // starts it
	began   atomic.Bool   // it was started
	forward atomic.Bool   // agent forwarding was asked for
	agents  atomic.Int32  // agent channels that are open, or are to be
	door    guard.Door    // of those that are served

	// These belong to the keeper's lock.
	doubted bool          // it does not answer
	trip    time.Duration // of a question and its answer as last measured, 0: not yet
	ended   bool          // it is gone
	why     error         // how it ended, if that is known

	mu        sync.Mutex
	holder    *link.Holder
	beginning *link.Holder // that is being started
	ends      link.Ends    // as the server sees them
	found     string       // the agent's socket on the server, once a holder has found it
	settingUp bool
	setup     chan struct{} // closed when the last set-up ended, or is waited for no longer; nil: none began
	unwritten []error       // what that could not do
	written   []string      // the files that it changed; nobody was told yet
	noted     bool          // a launcher was told of what happened while connecting
	unlinked  error         // why the agent cannot be used
	crowded   bool          // the holder had no room or made room, and is to come back
}

// serve takes over an SSH connection and begins to serve its channels.
func serve(k *Keeper, conn sshconn.Connection) *connection {
	k.touch()
	ctx, cancel := context.WithCancel(context.Background())
	config := k.config()
	alive := config.ServerAliveInterval
	k.mu.Lock()
	took := k.learned.first
	k.mu.Unlock()
	c := &connection{
		k: k, ssh: conn, log: k.log, pulse: pulse.New(alive, alive*time.Duration(config.ServerAliveCountMax)),
		ctx: ctx, cancel: cancel, done: make(chan struct{}),
		questions: make(chan uint64, 1), spare: make(chan *session, 1), room: newRoom(), made: time.Now(), answered: make(chan struct{}), holding: make(chan struct{}),
	}
	c.pulse.Took, c.pulse.Probe = took, conn.Probe
	c.pulse.Ask = c.ask
	c.pulse.Overdue = func() { k.update(func() { c.doubted = true }) }
	c.pulse.Alive = c.alive
	c.work.Go(func() { conn.Serve(c.offered) })
	if c.ssh.Facts().OneSession {
		c.answers() // nothing can be asked
	} else {
		c.work.Go(c.putQuestions)
		c.work.Go(func() { c.pulse.Run(ctx) })
	}
	go c.end()
	return c
}

// worksLocked says whether there is a connection and nothing speaks against it.
func (c *connection) worksLocked() bool {
	return c != nil && !c.doubted && !c.ended && c.ctx.Err() == nil
}

// readyLocked says whether clients may use the connection. Where somebody typed
// for it, it has to work first: it could not be made again behind their back.
func (c *connection) readyLocked() bool {
	return c.worksLocked() && (!c.ssh.Facts().Typed || isClosed(c.answered))
}

// ask has a question of the pulse put. It does not block, as a write into a
// dead network would. One is put before the next is asked, unless the remote
// makes answers up; a question that finds no room then stays without one.
func (c *connection) ask(token uint64) {
	select {
	case c.questions <- token:
	default:
	}
}

// putQuestions puts each question to the holder, whose answer proves the whole
// way; where no holder runs, to the server itself. One goroutine for all of
// them has to grow its stack only once.
func (c *connection) putQuestions() {
	for {
		var token uint64
		select {
		case token = <-c.questions:
		case <-c.ctx.Done():
			return
		}
		c.mu.Lock()
		h := c.holder
		c.mu.Unlock()
		if h != nil {
			h.Ping(token)
		} else if c.ssh.RoundTrip() == nil {
			c.pulse.Answered(token)
		}
	}
}

// answers notes the server's first answer after the login: only now the
// connection is known to work.
func (c *connection) answers() {
	c.first.Do(func() {
		close(c.answered)
		c.k.update(func() {
			c.k.learned.first = time.Since(c.made)
			if c.k.conn == c && !c.doubted {
				c.k.upLocked()
			}
		})
	})
}

// alive notes an answer to a question. Nobody is told of one that is as
// expected: that would wake all who wait for news, twelve times a minute. A
// round trip time of 0 is not known.
func (c *connection) alive(roundTrip time.Duration) {
	c.answers()
	c.k.mu.Lock()
	if roundTrip > 0 {
		c.k.roundTrip, c.trip = roundTrip, roundTrip
	}
	doubted := c.doubted
	c.k.mu.Unlock()
	if doubted {
		c.k.update(func() { c.doubted = false })
	}
}

// end waits until the connection is gone and everything on it has ended.
func (c *connection) end() {
	err := c.ssh.Wait()
	changed := (*sshconn.HostKeyError)(nil)
	if errors.As(err, &changed) { // in a rekey
		c.log.Error().Err(changed).Str("fingerprint", changed.Fingerprint).Msg("connection ended: somebody may be listening in")
	} else {
		c.log.Debug().Err(err).Msg("connection ended")
	}
	c.drop()
	c.k.update(func() {
		c.ended, c.why = true, err
		if changed != nil {
			c.k.alarm = changed
		}
	})
	c.work.Wait()
	c.k.touch() // what it took is free now
	close(c.done)
}

// goWork runs f as part of the connection, unless that is ending already.
func (c *connection) goWork(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ctx.Err() == nil {
		c.work.Go(f)
	}
}

// check asks whether the connection lives, now.
func (c *connection) check() { c.pulse.Check() }

// address returns where mosh-server is to be reached: the address that this
// side connected to or, behind a proxy, the one that the server reports, with
// beyond set. It is empty where the server did not, or not yet.
func (c *connection) address() (address string, beyond *control.Beyond) {
	if addr := c.ssh.Facts().Remote; addr.IsValid() {
		return addr.Addr().Unmap().String(), nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	server := c.ends.Server.Addr().Unmap()
	if !server.IsValid() {
		return "", nil
	}
	return server.String(), &control.Beyond{Client: c.ends.Client, Server: server}
}

// up says what a launcher wants to know of the connection, with these notes.
func (c *connection) up(notes []sshconn.Note) *control.Connected {
	address, _ := c.address()
	facts := c.ssh.Facts()
	return &control.Connected{Address: address, Notes: notes, Agent: c.k.forwarded(), Identity: facts.Identity, Forwarding: c.forwarding(), OneSession: facts.OneSession}
}

// news returns what happened while connecting. What it took of a person, and
// what was written down, is told once: whoever attaches later has nothing to do
// with it.
func (c *connection) news() []sshconn.Note {
	c.mu.Lock()
	defer c.mu.Unlock()
	told := c.noted
	c.noted = true
	return slices.DeleteFunc(slices.Clone(c.ssh.Facts().Notes), func(n sshconn.Note) bool {
		return told && (n.Kind == sshconn.NoteTyped || n.Kind == sshconn.NoteAdded)
	})
}

// tellSettled tells a client when the set-up and the link are done or have
// failed.
func (c *connection) tellSettled(ctx context.Context, client *control.Conversation) {
	if !c.settled(ctx) {
		return
	}
	address, beyond := c.address()
	ready := control.Ready{Address: address, Beyond: beyond, Written: c.firstWritten()}
	if c.expired() == nil { // which the start says
		ready.Warnings = c.lacking()
	}
	_ = client.Settled(ready)
}

// close ends the connection: the holder removes the link first, if it is its
// own and the network allows it within farewell.
func (c *connection) close() {
	if c.began.Load() {
		select { // what is just being set up is to be taken back too
		case <-c.holding:
		case <-c.ctx.Done():
		case <-time.After(farewell):
		}
	}
	c.mu.Lock()
	h := c.holder
	c.mu.Unlock()
	if h != nil {
		h.Quit(farewell)
	}
	c.drop()
	<-c.done
}

// drop ends the connection at once.
func (c *connection) drop() {
	c.mu.Lock()
	c.cancel()
	c.mu.Unlock()
	_ = c.ssh.Close()
}
