package keeper

import (
	"context"
	"errors"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/mosha-ssh/mosha/internal/bootstrap"
)

// openAhead keeps one open session in store: a launch then saves the round
// trip of opening it.
func (c *connection) openAhead() {
	s, err := openSession(c.ssh)
	if err != nil {
		return
	}
	select {
	case c.spare <- s:
	default:
		_ = s.Close()
	}
}

// session returns a session to be used, the one in store if there is one.
func (c *connection) session() (*session, error) {
	select {
	case s := <-c.spare:
		return s, nil
	default:
		return openSession(c.ssh)
	}
}

// makeRoom is how long a session that the server rejects is tried again for,
// while others end.
const makeRoom = time.Second

// sessionWithRoom is session where the server may allow too few of them on a
// connection (MaxSessions). It waits for the end of those that end by
// themselves, and then has the link holder make room, which comes back later.
func (c *connection) sessionWithRoom(ctx context.Context) (*session, error) {
	s, err := c.trySessions(ctx)
	if !isRejected(err) {
		return s, err
	}
	c.dismissHolder()
	return c.trySessions(ctx)
}

func (c *connection) trySessions(ctx context.Context) (*session, error) {
	for began := time.Now(); ; {
		s, err := c.session()
		if !isRejected(err) || time.Since(began) > makeRoom {
			return s, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(makeRoom / 10):
		}
	}
}

// dismissHolder ends the link holder, not the connection.
func (c *connection) dismissHolder() {
	c.mu.Lock()
	h := c.holder
	c.holder, c.crowded = nil, true
	c.mu.Unlock()
	if h == nil {
		return
	}
	c.log.Info().Msg("the link holder makes room: the server allows too few sessions")
	c.k.update(func() { c.owner = 0 }) // not known for now
	h.dismissed.Store(true)
	h.quit(farewell)
	_ = h.session.Close()
}

// recallHolder starts the link holder again, if it had no room or made room.
func (c *connection) recallHolder() {
	c.mu.Lock()
	crowded := c.crowded
	c.crowded = false
	c.mu.Unlock()
	if crowded {
		c.goWork(func() {
			ctx, cancel := context.WithTimeout(c.ctx, settleLimit)
			defer cancel()
			c.hold(ctx)
		})
	}
}

// recallSoon is recallHolder after a set-up, if need be. The launch that this
// may have been for has its server started first.
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

// isRejected says that the server opens no more sessions.
func isRejected(err error) bool {
	var rejected *ssh.OpenChannelError
	return errors.As(err, &rejected)
}

// Shell starts a POSIX shell for the set-up's script.
func (c *connection) Shell(ctx context.Context) (bootstrap.Shell, error) {
	s, err := c.sessionWithRoom(ctx)
	if err != nil {
		return nil, err
	}
	return &setupShell{s, c}, s.exec(shellCommand)
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
