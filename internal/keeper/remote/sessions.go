package remote

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mosha-ssh/mosha/internal/keeper/control"
	"github.com/mosha-ssh/mosha/internal/remotesh"
	"github.com/mosha-ssh/mosha/internal/sshconn"
)

const (
	// turnLimit is how long who acts for a person waits for a session.
	turnLimit = 2 * time.Minute
	// noticeAfter is after how long the person hears of that: before the launch
	// says what it waits for, after two seconds.
	noticeAfter = 1500 * time.Millisecond
	// makeRoom is how long a server that opens no more sessions is left to end
	// those that have just been closed here, before the link holder makes room.
	makeRoom = time.Second
	// crowdLimit is that where other sessions are open, which end by themselves.
	crowdLimit = 10 * time.Second
	// moment is after how long the link holder comes back, and maxMoment that
	// where the server has still had no room for it, again and again.
	moment, maxMoment = 2 * makeRoom, time.Minute
	// askAgain is how often the queue asks a server that opens no more sessions:
	// a server does not tell when one has ended there.
	askAgain = 200 * time.Millisecond
)

func isRejected(err error) bool {
	var room *control.RoomError
	return errors.As(err, &room)
}

// sessions opens those of one connection. A server may allow too few of them
// (MaxSessions), so those who want one queue up, and who came first is served
// first:
//
//	wanted --nobody queues--> asked for --confirmed-----------------> open
//	   \                          |  rejected                          ^
//	    \                         v                                    |
//	     +--somebody queues--> queue --its turn--> asked for again ----+
//	                                                 ^         | rejected
//	                                                 +---------+ until one ends
//
// What ends by itself is waited for. The link holder does not, and makes room
// for those who act for a person; it is the last to get a session again.
type sessions struct {
	c *Connection

	spare   chan *Session // at most one, opened ahead of its use
	turn    chan struct{} // one slot, of the first in the queue; channels are fair
	waiting atomic.Int32  // how many queue up
	freed   chan struct{} // one slot: a session has ended, for the queue
	ended   chan struct{} // one slot: the same, for quiet

	mu    sync.Mutex
	open  int       // without the one in store
	moved time.Time // when one was opened or ended last
}

func newSessions(c *Connection) *sessions {
	slot := func() chan struct{} { return make(chan struct{}, 1) }
	return &sessions{c: c, spare: make(chan *Session, 1), turn: slot(), freed: slot(), ended: slot()}
}

// wish is how a session is waited for.
type wish struct {
	limit    time.Duration     // 0: none
	forHuman bool              // the link holder may have to make room
	waiting  func(kind string) // told once if it takes long, with a kind of Notice; may be nil
}

// get returns a session to be used, the one in store if there is one. The
// error is a *control.RoomError where the server has no room, a
// *sshconn.TimeoutError where it does not answer, ctx's, or errNoSession.
func (s *sessions) get(ctx context.Context, w wish) (*Session, error) {
	within, cancel := ctx, context.CancelFunc(func() {})
	if w.limit > 0 {
		within, cancel = context.WithTimeout(ctx, w.limit)
	}
	defer cancel()
	defer s.tellWaiting(w)()
	late := func(err error) bool { return err != nil && within.Err() != nil && ctx.Err() == nil }
	if s.waiting.Load() == 0 {
		session, err := s.oneMore(within)
		if late(err) {
			config := s.c.Config
			return nil, &sshconn.TimeoutError{Host: config.HostName, Port: config.Port, Phase: sshconn.PhaseSession, Seconds: int(w.limit.Seconds())}
		}
		if !isRejected(err) {
			return session, err
		}
	}
	session, err := s.queue(within, w)
	if late(err) {
		return nil, s.noRoom()
	}
	return session, err
}

// tellWaiting tells what is waited for if that takes long, until stop is called.
func (s *sessions) tellWaiting(w wish) (stop func() bool) {
	if w.waiting == nil {
		return func() bool { return true }
	}
	return time.AfterFunc(noticeAfter, func() {
		kind := sshconn.NoticeSession
		if s.waiting.Load() > 0 {
			kind = sshconn.NoticeRoom
		}
		w.waiting(kind)
	}).Stop
}

// oneMore returns the session in store, or opens one.
func (s *sessions) oneMore(ctx context.Context) (*Session, error) {
	select {
	case session := <-s.spare:
		if !isClosed(session.gone) { // dropbear closes one that is idle when another ends
			return session, nil
		}
	default:
	}
	return s.openOne(ctx)
}

func (s *sessions) openOne(ctx context.Context) (*Session, error) {
	session, err := openSession(ctx, s.c.ssh, func() { s.count(-1) })
	if err == nil {
		s.count(1)
		session.conn = s.c.ctx
		session.expired = &control.ExpiredError{User: s.c.Config.User, Host: s.c.Config.HostName}
	}
	if err == nil || isRejected(err) {
		s.c.answers()
	}
	return session, err
}

// count notes that sessions were opened, or ended.
func (s *sessions) count(more int) {
	s.mu.Lock()
	s.open += more
	s.moved = time.Now()
	s.mu.Unlock()
	if more < 0 {
		for _, told := range []chan struct{}{s.freed, s.ended} {
			select {
			case told <- struct{}{}:
			default:
			}
		}
	}
}

func (s *sessions) noRoom() error { return &control.RoomError{OpenSSH: s.c.ssh.Facts().OpenSSH} }

// queue waits for its turn, and then for the server.
func (s *sessions) queue(ctx context.Context, w wish) (*Session, error) {
	s.waiting.Add(1)
	defer s.waiting.Add(-1)
	select {
	case s.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-s.c.ctx.Done():
		return nil, errNoSession
	}
	defer func() { <-s.turn }()
	for began := time.Now(); ; {
		session, err := s.oneMore(ctx)
		if !isRejected(err) || !s.mayFree(w, began) {
			return session, err
		}
		select {
		case <-s.freed:
		case <-time.After(askAgain):
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-s.c.ctx.Done():
			return nil, errNoSession
		}
	}
}

// mayFree reports whether a session may end for the one that is waited for since
// then. It makes the link holder make room if nothing else helps.
func (s *sessions) mayFree(w wish, since time.Time) bool {
	open, still := s.crowd(since)
	holds := s.c.holding.runs()
	switch {
	case holds && open == 1 && still >= makeRoom, holds && still >= crowdLimit:
		if w.forHuman {
			s.c.holding.dismiss()
		}
		return w.forHuman || open > 1
	case open == 0:
		return still < crowdLimit
	}
	return true
}

// crowd returns how many sessions are open, and for how long nothing changed
// about that, or at least since.
func (s *sessions) crowd(since time.Time) (open int, still time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.moved.After(since) {
		since = s.moved
	}
	return s.open, time.Since(since)
}

// last returns a session if there is room and nobody queues: for the link holder,
// which may wait for all others.
func (s *sessions) last(ctx context.Context) (*Session, error) {
	if s.waiting.Load() > 0 {
		return nil, s.noRoom()
	}
	return s.oneMore(ctx)
}

// quiet waits until nobody queues and nothing has changed for so long about the
// sessions that are open: the launch for which a set-up was made has its server
// started first. A session that ends makes that moment at most. It waits no
// longer once something comes from now. It returns how long to wait the next
// time, if the server has no room, and false when the connection ends.
func (s *sessions) quiet(limit time.Duration, now <-chan struct{}) (time.Duration, bool) {
	for began := time.Now(); ; {
		_, still := s.crowd(began)
		rest := limit - still
		if s.waiting.Load() > 0 {
			rest = max(rest, askAgain)
		}
		if rest <= 0 {
			return min(2*limit, maxMoment), true
		}
		select {
		case <-now:
			return askAgain / 4, true
		case <-s.ended:
			limit = min(limit, moment)
		case <-time.After(rest):
		case <-s.c.ctx.Done():
			return limit, false
		}
	}
}

// openAhead keeps one open session in store: a launch then saves the round
// trip of opening it.
func (s *sessions) openAhead() {
	if s.waiting.Load() > 0 {
		return
	}
	session, err := s.openOne(s.c.ctx)
	if err != nil {
		return
	}
	session.ahead = true
	select {
	case old := <-s.spare:
		_ = old.Close()
	default:
	}
	select {
	case s.spare <- session:
	default:
		_ = session.Close()
	}
}

// OpenAhead opens a session in the background, for who is to use one soon.
func (c *Connection) OpenAhead() { c.goes(c.sessions.openAhead) }

// Shell starts a POSIX shell for the set-up's script.
func (c *Connection) Shell(ctx context.Context) (remotesh.Shell, error) {
	s, err := c.sessions.get(ctx, wish{limit: turnLimit, forHuman: true})
	if err != nil {
		return nil, err
	}
	return s, s.shell()
}

// OpenShell starts a POSIX shell for a client, with the agent forwarded or
// without.
func (c *Connection) OpenShell(ctx context.Context, agent bool) (*Session, error) {
	s, err := c.sessions.get(ctx, wish{limit: turnLimit})
	if err != nil {
		return nil, err
	}
	if agent {
		err = c.channels.forward(s)
	}
	if err == nil {
		err = s.shell()
	}
	if err != nil {
		_ = s.Close()
		return nil, err
	}
	return s, nil
}
