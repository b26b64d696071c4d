package keeper

import (
	"context"
	"errors"
	"time"

	"github.com/mosha-ssh/mosha/internal/keeper/control"
	"github.com/mosha-ssh/mosha/internal/keeper/remote"
	"github.com/mosha-ssh/mosha/internal/sshconn"
)

// keep serves a connection until it is lost or nobody needs it. It returns the
// connection that takes its place, nil if none does.
func (r reconnecting) keep(ctx context.Context, conn *remote.Connection) *remote.Connection {
	r.take(conn)
	next := r.watch(ctx, conn)
	over := next != nil || conn.Over()
	r.update(func() {
		r.conn = nil
		if next == nil && r.wantedLocked() && ctx.Err() == nil {
			r.lostAt = time.Now()
			r.enterLocked(control.Lost)
		}
		if next == nil && conn.Ended() && !conn.Answered() {
			r.tries.fail(conn.Unproven())
		}
	})
	if over {
		conn.Drop() // its remains on the server are ended by the next one
	} else {
		conn.Close()
	}
	<-conn.Done()
	return next
}

// take makes a fresh connection the keeper's. What the link needs is begun
// before anything else. Up it is only once it has answered.
func (r reconnecting) take(conn *remote.Connection) {
	facts := conn.Facts()
	r.update(func() {
		r.conn = conn
		r.ups++
		r.tries.dialing = sshconn.PhaseSession
		r.known.identity, r.known.oneSession = facts.Identity, facts.OneSession
		r.known.learned.Succeeded(facts)
		if facts.Choice.Reason != "" {
			r.known.choice = facts.Choice // so that the next one begins with it
		}
		if facts.Accepted != nil {
			r.known.accepted = facts.Accepted
		}
		if facts.Remote.IsValid() {
			r.known.address = facts.Remote.Addr()
		}
		if conn.Answered() {
			r.upLocked()
		}
	})
	r.log.Info().Str("transport", facts.Choice.Transport).Str("reason", facts.Choice.Reason).Msg("connected")
	if r.needsLink() {
		conn.Begin(false)
	}
}

func (k *Keeper) upLocked() {
	k.lostAt = time.Time{}
	k.enterLocked(control.Up)
}

// watch waits until the connection ends or is not needed. When it does not
// answer, another is dialed beside it, and the first that works wins.
func (r reconnecting) watch(ctx context.Context, conn *remote.Connection) *remote.Connection {
	for epoch := r.events(); ; {
		r.tend(ctx, conn, &epoch, func() bool { return conn.Doubted() || conn.Ended() || !r.wantedLocked() })
		if conn.Ended() || !r.wanted() || ctx.Err() != nil {
			return nil
		}
		if !conn.Doubted() { // it has answered after all
			continue
		}
		if next := r.contest(ctx, conn); next != nil {
			return next
		}
	}
}

// tend waits until over, which is called with the lock held, is true or ctx ends.
// It looks at the connection after each network event since epoch.
func (r reconnecting) tend(ctx context.Context, conn *remote.Connection, epoch *int, over func() bool) {
	for met := false; !met && ctx.Err() == nil; {
		disturbed := false
		r.until(ctx, 0, func() bool {
			met, disturbed = over(), r.epoch != *epoch
			*epoch = r.epoch
			return met || disturbed
		})
		if disturbed && !met {
			conn.Disturbed()
		}
	}
}

// contest dials beside a connection that does not answer. It returns the new
// one, which does, or nil when the old one answered after all or nobody needs
// either.
func (r reconnecting) contest(ctx context.Context, conn *remote.Connection) *remote.Connection {
	r.update(func() {
		r.lostAt = time.Now()
		r.enterLocked(control.Lost)
	})
	r.log.Info().Msg("no answer: dialing beside the old connection")
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		if r.until(ctx, 0, func() bool { return !conn.Doubted() && !conn.Ended() }) {
			cancel()
		}
	}()
	next, err := r.establish(ctx, true)
	if err != nil {
		r.update(func() {
			if !conn.Ended() && !conn.Doubted() {
				r.upLocked()
			}
		})
		return nil
	}
	return next
}

// owner is the keeper for its connections.
type owner struct{ k *Keeper }

func (o owner) Used()    { o.k.uses.Note() }
func (o owner) Changed() { o.k.update(func() {}) }

// Measured tells nobody: that would wake all who wait for news.
func (o owner) Measured(roundTrip time.Duration) {
	o.k.mu.Lock()
	defer o.k.mu.Unlock()
	o.k.known.roundTrip = roundTrip
}

// Answered counts a connection that has answered as up.
func (o owner) Answered(conn *remote.Connection, took time.Duration) {
	o.k.update(func() {
		o.k.known.learned.First = took
		if o.k.conn == conn && !conn.Doubted() {
			o.k.upLocked()
		}
	})
}

// Ended keeps in mind that another host key was shown: that is told for as long
// as the keeper lives.
func (o owner) Ended(why error) {
	o.k.update(func() {
		if changed := (*sshconn.HostKeyError)(nil); errors.As(why, &changed) {
			o.k.known.alarm = changed
		}
	})
}
