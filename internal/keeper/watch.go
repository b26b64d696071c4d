package keeper

import (
	"cmp"
	"context"
	"errors"
	"net"
	"slices"
	"time"

	"github.com/mosha-ssh/mosha/internal/keeper/control"
	"github.com/mosha-ssh/mosha/internal/sshconn"
)

// keep serves a connection until it is lost or nobody needs it. It returns the
// connection that takes its place, nil if none does.
func (k *Keeper) keep(ctx context.Context, conn *connection) *connection {
	k.take(conn)
	next := k.watch(ctx, conn)
	over := next != nil || conn.ctx.Err() != nil
	k.update(func() {
		k.conn = nil
		if next == nil && k.wantedLocked() && ctx.Err() == nil {
			k.lostAt = time.Now()
			k.enterLocked(control.Lost)
		}
		if next == nil && conn.ended && !isClosed(conn.answered) {
			k.failLocked(conn.closedLocked())
		}
	})
	if over {
		conn.drop() // its remains on the server are ended by the next one
	} else {
		conn.close()
	}
	<-conn.done
	return next
}

// take makes a fresh connection the keeper's. What the link needs is begun
// before anything else. Up it is only once it has answered.
func (k *Keeper) take(conn *connection) {
	facts := conn.ssh.Facts()
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
		if isClosed(conn.answered) {
			k.upLocked()
		}
	})
	k.log.Info().Str("transport", facts.Choice.Transport).Str("reason", facts.Choice.Reason).Msg("connected")
	if k.needsLink() {
		conn.begin(false)
	}
}

func (k *Keeper) upLocked() {
	k.lostAt = time.Time{}
	k.enterLocked(control.Up)
}

// watch waits until the connection ends or is not needed. When it does not
// answer, another is dialed beside it, and the first that works wins.
func (k *Keeper) watch(ctx context.Context, conn *connection) *connection {
	epoch := -1
	for {
		disturbed := false
		k.until(ctx, 0, func() bool {
			if epoch < 0 {
				epoch = k.epoch
			}
			disturbed = k.epoch != epoch
			epoch = k.epoch
			return disturbed || conn.doubted || conn.ended || !k.wantedLocked()
		})
		k.mu.Lock()
		doubted, over := conn.doubted, conn.ended || !k.wantedLocked() || ctx.Err() != nil
		k.mu.Unlock()
		switch {
		case over:
			return nil
		case doubted:
			if next := k.contest(ctx, conn); next != nil {
				return next
			}
		case disturbed:
			conn.disturbed()
		}
	}
}

// disturbed looks at the connection after a network event.
func (c *connection) disturbed() {
	c.check()
	if c.homeless() {
		c.k.update(func() { c.doubted = true })
	}
}

// homeless says whether the machine no longer has the address that the
// connection comes from. It may live on, should the address come back.
func (c *connection) homeless() bool { return isGone(c.ssh.LocalAddr()) }

// isGone says whether the machine no longer has this address of a connection.
func isGone(addr net.Addr) bool {
	local, ok := addr.(*net.TCPAddr)
	if !ok {
		return false
	}
	ours, err := net.InterfaceAddrs()
	return err == nil && !slices.ContainsFunc(ours, func(a net.Addr) bool {
		prefix, ok := a.(*net.IPNet)
		return ok && prefix.IP.Equal(local.IP)
	})
}

// contest dials beside a connection that does not answer. It returns the new
// one, which does, or nil when the old one answered after all or nobody needs either.
func (k *Keeper) contest(ctx context.Context, conn *connection) *connection {
	k.update(func() {
		k.lostAt = time.Now()
		k.enterLocked(control.Lost)
	})
	k.log.Info().Msg("no answer: dialing beside the old connection")
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		if k.until(ctx, 0, func() bool { return !conn.doubted && !conn.ended }) {
			cancel()
		}
	}()
	next, err := k.establish(ctx, true)
	if err != nil {
		k.update(func() {
			if !conn.ended && !conn.doubted {
				k.upLocked()
			}
		})
		return nil
	}
	return next
}

// prove waits for the first answer of a connection that is to take another's
// place. A session is opened meanwhile, which is at hand then.
func (c *connection) prove(ctx context.Context) error {
	c.goWork(c.openAhead)
	epoch, over := -1, false
	for ctx.Err() == nil && !over {
		c.k.until(ctx, 0, func() bool {
			if epoch < 0 {
				epoch = c.k.epoch
			}
			over = isClosed(c.answered) || c.doubted || c.ended
			return over || c.k.epoch != epoch
		})
		if epoch = -1; !over {
			c.disturbed()
		}
	}
	c.k.mu.Lock()
	err := c.closedLocked()
	c.k.mu.Unlock()
	if ctx.Err() == nil && isClosed(c.answered) {
		return nil
	}
	c.drop()
	<-c.done
	return cmp.Or(context.Cause(ctx), err)
}

// closedLocked says why a connection ended, or is given up, before it has
// answered.
func (c *connection) closedLocked() error {
	config := c.k.spec.Config
	var said *sshconn.DisconnectError
	var key *sshconn.HostKeyError
	switch {
	case errors.As(c.why, &said), errors.As(c.why, &key):
		return c.why
	case c.ended:
		return &sshconn.ClosedError{Host: config.HostName, Port: config.Port, Phase: sshconn.PhaseSession}
	}
	seconds := int(time.Since(c.made).Round(time.Second).Seconds())
	return &sshconn.TimeoutError{Host: config.HostName, Port: config.Port, Phase: sshconn.PhaseSession, Seconds: seconds}
}
