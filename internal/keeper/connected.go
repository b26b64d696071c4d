package keeper

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/mosha-ssh/mosha/internal/guard"
	"github.com/mosha-ssh/mosha/internal/keeper/control"
	"github.com/mosha-ssh/mosha/internal/keeper/remote"
	"github.com/mosha-ssh/mosha/internal/sshconn"
)

// keep serves a connection until it is lost or nobody needs it. It returns the
// connection that takes its place, nil if none does.
func (k *Keeper) keep(ctx context.Context, conn *remote.Connection) *remote.Connection {
	k.take(conn)
	next := k.watch(ctx, conn)
	over := next != nil || conn.Over()
	k.update(func() {
		k.conn = nil
		if next == nil && k.wantedLocked() && ctx.Err() == nil {
			k.lostAt = time.Now()
			k.enterLocked(control.Lost)
		}
		if next == nil && conn.Ended() && !conn.Answered() {
			k.failLocked(conn.Unproven())
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
func (k *Keeper) take(conn *remote.Connection) {
	facts := conn.Facts()
	k.update(func() {
		k.conn = conn
		k.ups++
		k.dialing = sshconn.PhaseSession
		k.identity, k.oneSession = facts.Identity, facts.OneSession
		k.learned.succeeded(facts)
		if facts.Choice.Reason != "" {
			k.choice = facts.Choice // so that the next one begins with it
		}
		if facts.Accepted != nil {
			k.accepted = facts.Accepted
		}
		if facts.Remote.IsValid() {
			k.address = facts.Remote.Addr()
		}
		if conn.Answered() {
			k.upLocked()
		}
	})
	k.log.Info().Str("transport", facts.Choice.Transport).Str("reason", facts.Choice.Reason).Msg("connected")
	if k.needsLink() {
		conn.Begin(false)
	}
}

func (k *Keeper) upLocked() {
	k.lostAt = time.Time{}
	k.enterLocked(control.Up)
}

// watch waits until the connection ends or is not needed. When it does not
// answer, another is dialed beside it, and the first that works wins.
func (k *Keeper) watch(ctx context.Context, conn *remote.Connection) *remote.Connection {
	epoch := -1
	for {
		disturbed := false
		k.until(ctx, 0, func() bool {
			if epoch < 0 {
				epoch = k.epoch
			}
			disturbed = k.epoch != epoch
			epoch = k.epoch
			return disturbed || conn.Doubted() || conn.Ended() || !k.wantedLocked()
		})
		k.mu.Lock()
		doubted, over := conn.Doubted(), conn.Ended() || !k.wantedLocked() || ctx.Err() != nil
		k.mu.Unlock()
		switch {
		case over:
			return nil
		case doubted:
			if next := k.contest(ctx, conn); next != nil {
				return next
			}
		case disturbed:
			conn.Disturbed()
		}
	}
}

// contest dials beside a connection that does not answer. It returns the new
// one, which does, or nil when the old one answered after all or nobody needs either.
func (k *Keeper) contest(ctx context.Context, conn *remote.Connection) *remote.Connection {
	k.update(func() {
		k.lostAt = time.Now()
		k.enterLocked(control.Lost)
	})
	k.log.Info().Msg("no answer: dialing beside the old connection")
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		if k.until(ctx, 0, func() bool { return !conn.Doubted() && !conn.Ended() }) {
			cancel()
		}
	}()
	next, err := k.establish(ctx, true)
	if err != nil {
		k.update(func() {
			if !conn.Ended() && !conn.Doubted() {
				k.upLocked()
			}
		})
		return nil
	}
	return next
}

// prove waits for the first answer of a connection that is to take another's
// place. A session is opened meanwhile, which is at hand then.
func (k *Keeper) prove(ctx context.Context, conn *remote.Connection) error {
	conn.OpenAhead()
	epoch, over := -1, false
	for ctx.Err() == nil && !over {
		k.until(ctx, 0, func() bool {
			if epoch < 0 {
				epoch = k.epoch
			}
			over = conn.Answered() || conn.Doubted() || conn.Ended()
			return over || k.epoch != epoch
		})
		if epoch = -1; !over {
			conn.Disturbed()
		}
	}
	err := conn.Unproven()
	if ctx.Err() == nil && conn.Answered() {
		return nil
	}
	conn.Drop()
	<-conn.Done()
	return cmp.Or(context.Cause(ctx), err)
}

// serve takes over an SSH connection and begins to serve its channels.
func (k *Keeper) serve(conn sshconn.Connection) *remote.Connection {
	k.mu.Lock()
	options := remote.Options{Config: k.spec.Config, Log: k.log, Guard: k.agents.guard, Claims: k.claims, First: k.learned.first}
	k.mu.Unlock()
	return remote.New(conn, owner{k}, options)
}

// owner is the keeper for its connections.
type owner struct{ k *Keeper }

func (o owner) Used()               { o.k.touch() }
func (o owner) Changed()            { o.k.update(func() {}) }
func (o owner) Asked(s guard.Stats) { o.k.agents.count(s) }

// Measured tells nobody: that would wake all who wait for news.
func (o owner) Measured(roundTrip time.Duration) {
	o.k.mu.Lock()
	defer o.k.mu.Unlock()
	o.k.roundTrip = roundTrip
}

// Answered has a connection that has answered count as up.
func (o owner) Answered(conn *remote.Connection, took time.Duration) {
	o.k.update(func() {
		o.k.learned.first = took
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
			o.k.alarm = changed
		}
	})
}
