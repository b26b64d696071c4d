package keeper

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mosha-ssh/mosha/internal/keeper/control"
	"github.com/mosha-ssh/mosha/internal/link"
	"github.com/mosha-ssh/mosha/internal/remotesh"
	"github.com/mosha-ssh/mosha/internal/sshconn"
)

const (
	// turnLimit is how long a session is waited for, by whoever acts for a
	// person.
	turnLimit = 2 * time.Minute
	// noticeAfter is after how long that is told: before a launch says what it
	// waits for, after two seconds.
	noticeAfter = 3 * stagePause / 4
	// makeRoom is how long a server that opens no more sessions is left to end
	// those that have just been closed here, before the link holder makes room.
	makeRoom = time.Second
	// crowdLimit is that where other sessions are open, which end by themselves.
	crowdLimit = 10 * time.Second
	// askAgain is how often a server is asked that opens no more sessions: it
	// says to nobody when one has ended there.
	askAgain = 200 * time.Millisecond
)

func isRejected(err error) bool {
	var room *control.RoomError
	return errors.As(err, &room)
}

// room is the place that a server has for the sessions of one connection. It
// may allow too few of them (MaxSessions), so those who want one queue up, and
// who came first is served first:
//
//	wanted --nobody queues--> asked for --confirmed-----------------> open
//	   \                          |  rejected                          ^
//	    \                         v                                    |
//	     +--somebody queues--> queue --its turn--> asked for again ----+
//	                                                 ^         | rejected
//	                                                 +---------+ until one ends
//
// What ends by itself is waited for. The link holder does not, and makes room
// for those who act for a person; it comes back when they are done.
type room struct {
	turn    chan struct{} // one slot, of the first in the queue; channels are fair
	waiting atomic.Int32  // how many queue up
	freed   chan struct{} // one slot: a session has ended

	mu    sync.Mutex
	open  int       // sessions, without the one in store
	moved time.Time // when one was opened or ended last
}

func newRoom() *room {
	return &room{turn: make(chan struct{}, 1), freed: make(chan struct{}, 1)}
}

// count notes that sessions were opened, or ended.
func (r *room) count(more int) {
	r.mu.Lock()
	r.open += more
	r.moved = time.Now()
	r.mu.Unlock()
	if more < 0 {
		wakeUp(r.freed)
	}
}

// crowd returns how many sessions are open, and for how long nothing changed
// about that, or at least since.
func (r *room) crowd(since time.Time) (open int, still time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.moved.After(since) {
		since = r.moved
	}
	return r.open, time.Since(since)
}

// wish says how a session is waited for.
type wish struct {
	limit    time.Duration     // 0: none
	brief    bool              // not at all where the server has no room
	forHuman bool              // the link holder may have to make room
	waiting  func(kind string) // told once if it takes long, with a kind of Notice; may be nil
}

// session returns a session to be used, the one in store if there is one. The
// error is a *control.RoomError where the server has no room, a *sshconn.TimeoutError
// where it does not answer, ctx's, or errNoSession.
func (c *connection) session(ctx context.Context, w wish) (*session, error) {
	within, cancel := ctx, context.CancelFunc(func() {})
	if w.limit > 0 {
		within, cancel = context.WithTimeout(ctx, w.limit)
	}
	defer cancel()
	var crowded atomic.Bool
	defer c.tellWaiting(w, &crowded)()
	s, err := c.inTurn(within, w, &crowded)
	switch {
	case err == nil || within.Err() == nil || ctx.Err() != nil:
		return s, err
	case crowded.Load():
		return nil, c.noRoom()
	}
	config := c.k.config()
	return nil, &sshconn.TimeoutError{Host: config.HostName, Port: config.Port, Phase: sshconn.PhaseSession, Seconds: int(w.limit.Seconds())}
}

func (c *connection) noRoom() error { return &control.RoomError{OpenSSH: c.ssh.Facts().OpenSSH} }

// tellWaiting tells what is waited for if that takes long, until stop is called.
func (c *connection) tellWaiting(w wish, crowded *atomic.Bool) (stop func() bool) {
	if w.waiting == nil {
		return func() bool { return true }
	}
	return time.AfterFunc(noticeAfter, func() {
		kind := sshconn.NoticeSession
		if crowded.Load() {
			kind = sshconn.NoticeRoom
		}
		w.waiting(kind)
	}).Stop
}

// inTurn opens a session, in the queue if there is one or has to be one.
func (c *connection) inTurn(ctx context.Context, w wish, crowded *atomic.Bool) (*session, error) {
	if c.room.waiting.Load() == 0 {
		if s, err := c.oneMore(ctx); !isRejected(err) || w.brief {
			return s, err
		}
	}
	if w.brief {
		return nil, c.noRoom()
	}
	crowded.Store(true)
	c.room.waiting.Add(1)
	defer c.room.waiting.Add(-1)
	select {
	case c.room.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-c.ctx.Done():
		return nil, errNoSession
	}
	defer func() { <-c.room.turn }()
	for began := time.Now(); ; {
		s, err := c.oneMore(ctx)
		if !isRejected(err) {
			return s, err
		}
		if !c.mayFree(w, began) {
			return nil, c.noRoom()
		}
		select {
		case <-c.room.freed:
		case <-time.After(askAgain):
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-c.ctx.Done():
			return nil, errNoSession
		}
	}
}

// mayFree says whether a session may end for the one that is waited for since
// then. It has the link holder make room if nothing else helps.
func (c *connection) mayFree(w wish, since time.Time) bool {
	open, still := c.room.crowd(since)
	holds := c.holds()
	switch {
	case holds && open == 1 && still >= makeRoom, holds && still >= crowdLimit:
		if w.forHuman {
			c.dismissHolder()
		}
		return w.forHuman || open > 1
	case open == 0:
		return still < crowdLimit
	}
	return true
}

// oneMore returns the session in store, or opens one.
func (c *connection) oneMore(ctx context.Context) (*session, error) {
	select {
	case s := <-c.spare:
		if !isClosed(s.gone) { // dropbear closes one that is idle when another ends
			return s, nil
		}
	default:
	}
	return c.open(ctx)
}

func (c *connection) open(ctx context.Context) (*session, error) {
	s, err := openSession(ctx, c.ssh, func() { c.room.count(-1) })
	if err == nil {
		c.room.count(1)
		config := c.k.config()
		s.expired = &control.ExpiredError{User: config.User, Host: config.HostName}
	}
	if err == nil || isRejected(err) {
		c.answers()
	}
	return s, err
}

// openAhead keeps one open session in store: a launch then saves the round
// trip of opening it.
func (c *connection) openAhead() {
	if c.room.waiting.Load() > 0 {
		return
	}
	s, err := c.open(c.ctx)
	if err != nil {
		return
	}
	s.ahead = true
	select {
	case old := <-c.spare:
		_ = old.Close()
	default:
	}
	select {
	case c.spare <- s:
	default:
		_ = s.Close()
	}
}

// holds says whether the link holder runs, or is being started.
func (c *connection) holds() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.holder != nil || c.beginning != nil
}

// dismissHolder ends the link holder, not the connection. The one that is only
// being started leaves the link as it is: where it leads to our agent, that is
// right.
func (c *connection) dismissHolder() {
	c.mu.Lock()
	running, beginning := c.holder, c.beginning
	c.holder, c.beginning, c.crowded = nil, nil, true
	c.mu.Unlock()
	for _, h := range []*link.Holder{running, beginning} {
		if h == nil {
			continue
		}
		c.log.Info().Bool("begun", h == running).Msg("the link holder makes room: the server allows too few sessions")
		if h == running {
			h.Quit(farewell)
		} else {
			h.Leave(farewell)
		}
		_ = h.Close()
	}
}

// recallHolder starts the link holder again, if it had no room or made room.
func (c *connection) recallHolder() {
	c.mu.Lock()
	crowded := c.crowded
	c.crowded = false
	c.mu.Unlock()
	if crowded {
		c.goWork(func() { c.hold(wish{}) })
	}
}

// recallSoon is recallHolder after a set-up, or on a connection that has come
// back, if need be. The launch that this may have been for has its server started
// first.
func (c *connection) recallSoon() {
	c.mu.Lock()
	crowded := c.crowded
	c.mu.Unlock()
	if !crowded {
		return
	}
	c.goWork(func() {
		select {
		case <-time.After(2 * makeRoom):
			c.recallHolder()
		case <-c.ctx.Done():
		}
	})
}

// Shell starts a POSIX shell for the set-up's script.
func (c *connection) Shell(ctx context.Context) (remotesh.Shell, error) {
	s, err := c.session(ctx, wish{limit: turnLimit, forHuman: true})
	if err != nil {
		return nil, err
	}
	return &setupShell{s, c}, s.shell()
}

// setupShell is a session that may have made the link holder leave.
type setupShell struct {
	*session
	conn *connection
}

func (s *setupShell) Close() error {
	s.conn.recallSoon()
	return s.session.Close()
}
