package sshconn

import (
	"context"
	"errors"
	"net"
	"time"
)

// direct connects without a proxy. While the keeper comes back by itself, it is
// the one that tries again.
func (d *dialer) direct(ctx context.Context) (net.Conn, error) {
	if own := d.opts.Limits.Connect; own > 0 {
		limit := min(own, d.limit)
		conn, err := connectTCP(ctx, d.cfg, d.opts, time.Now().Add(limit))
		return conn, d.inTime(err, limit)
	}
	return d.insist(ctx)
}

// betweenAttempts is how long ssh rests between ConnectionAttempts.
const betweenAttempts = time.Second

// insist connects in as many attempts as ConnectionAttempts says, each of which
// has ConnectTimeout for itself.
func (d *dialer) insist(ctx context.Context) (net.Conn, error) {
	for attempt := 1; ; attempt++ {
		conn, err := connectTCP(ctx, d.cfg, d.opts, d.deadline)
		unresolved := (*ResolveError)(nil)
		if err == nil || attempt >= d.cfg.ConnectionAttempts || errors.As(err, &unresolved) {
			return conn, d.inTime(err, d.limit)
		}
		d.opts.Log.Info().Err(err).Int("attempt", attempt).Msg("not connected, trying again")
		select {
		case <-time.After(betweenAttempts):
			d.deadline = time.Now().Add(d.limit)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// inTime says of a timeout what exceeded which limit.
func (d *dialer) inTime(err error, limit time.Duration) error {
	if timeout := net.Error(nil); errors.As(err, &timeout) && timeout.Timeout() {
		return d.timeout(PhaseConnect, limit)
	}
	return err
}
