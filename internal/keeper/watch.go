package keeper

import (
	"context"
	"net"
	"slices"
	"time"

	"github.com/mosha-ssh/mosha/internal/sshconn"
)

// keep serves a connection until it is lost or nobody needs it. It returns the
// connection that takes its place, nil if none does.
func (k *Keeper) keep(ctx context.Context, dialed sshconn.Connection) sshconn.Connection {
	conn := k.take(dialed)
	next := k.watch(ctx, conn)
	k.update(func() {
		k.conn = nil
		if next == nil && k.wantedLocked() && ctx.Err() == nil {
			k.lostAt = time.Now()
			k.enterLocked(Lost)
		}
	})
	if next != nil || conn.ctx.Err() != nil {
		conn.drop() // its remains on the server are ended by the next one
	} else {
		conn.close()
	}
	<-conn.done
	return next
}

// take makes a fresh connection the keeper's. What the link needs is begun
// before anything else.
func (k *Keeper) take(dialed sshconn.Connection) *connection {
	conn, facts := serve(k, dialed), dialed.Facts()
	k.update(func() {
		k.conn = conn
		k.ups++
		k.lostAt = time.Time{}
		k.identity, k.proxied = facts.Identity, facts.Proxied
		if facts.Choice.Reason != "" {
			k.choice = facts.Choice // so that the next one begins with it
		}
		if facts.Accepted != nil {
			k.accepted = facts.Accepted
		}
		if facts.Remote.IsValid() {
			k.address = facts.Remote.Addr()
		}
		k.enterLocked(Up)
	})
	k.log.Info().Str("transport", facts.Choice.Transport).Str("reason", facts.Choice.Reason).Msg("connected")
	if k.needsLink() {
		conn.begin(false)
	}
	return conn
}

// watch waits until the connection ends or is not needed. When it does not
// answer, another is dialed beside it, and the first that works wins.
func (k *Keeper) watch(ctx context.Context, conn *connection) sshconn.Connection {
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
			conn.check()
			if conn.homeless() {
				k.update(func() { conn.doubted = true })
			}
		}
	}
}

// homeless says whether the machine no longer has the address that the
// connection comes from. It may live on, should the address come back.
func (c *connection) homeless() bool {
	local, ok := c.ssh.LocalAddr().(*net.TCPAddr)
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
// one, or nil when the old one answered after all or nobody needs either.
func (k *Keeper) contest(ctx context.Context, conn *connection) sshconn.Connection {
	k.update(func() {
		k.lostAt = time.Now()
		k.enterLocked(Lost)
	})
	k.log.Info().Msg("no answer: dialing beside the old connection")
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		if k.until(ctx, 0, func() bool { return !conn.doubted && !conn.ended }) {
			cancel()
		}
	}()
	next, err := k.establish(ctx)
	if err != nil {
		k.update(func() {
			if !conn.ended && !conn.doubted {
				k.lostAt = time.Time{}
				k.enterLocked(Up)
			}
		})
		return nil
	}
	return next
}
