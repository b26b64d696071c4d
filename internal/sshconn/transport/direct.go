package transport

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/mosha-ssh/mosha/internal/sshconn"
	"github.com/mosha-ssh/mosha/internal/sshconn/dial"
)

// direct connects without a proxy. While the keeper comes back by itself, it is
// the one that tries again.
func (d *dialer) direct(ctx context.Context) (net.Conn, error) {
	if own := d.opts.Limits.Connect; own > 0 {
		return d.attempt(ctx, min(own, d.limit))
	}
	return d.insist(ctx)
}

// attempt connects once. The time of what comes up to the host key begins when
// there is an address to dial. Without ConnectTimeout the server then has more,
// if a person waits for it.
func (d *dialer) attempt(ctx context.Context, limit time.Duration) (net.Conn, error) {
	conn, began, err := dial.TCP(ctx, d.cfg, d.opts, limit)
	d.deadline = began.Add(d.limit)
	if err == nil && d.cfg.ConnectTimeout <= 0 && !d.opts.Unattended() {
		d.limit, d.deadline = authTimeout, time.Now().Add(authTimeout)
	}
	return conn, d.inTime(err, limit)
}

// betweenAttempts is how long ssh rests between ConnectionAttempts.
const betweenAttempts = time.Second

// insist connects in as many attempts as ConnectionAttempts says, each of which
// has ConnectTimeout for itself.
func (d *dialer) insist(ctx context.Context) (net.Conn, error) {
	for attempt := 1; ; attempt++ {
		conn, err := d.attempt(ctx, d.limit)
		unresolved := (*sshconn.ResolveError)(nil)
		if err == nil || attempt >= d.cfg.ConnectionAttempts || errors.As(err, &unresolved) {
			return conn, err
		}
		d.opts.Log.Info().Err(err).Int("attempt", attempt).Msg("not connected, trying again")
		select {
		case <-time.After(betweenAttempts):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// inTime says of a timeout what exceeded which limit.
func (d *dialer) inTime(err error, limit time.Duration) error {
	if timeout := net.Error(nil); errors.As(err, &timeout) && timeout.Timeout() {
		return d.timeout(sshconn.PhaseConnect, limit)
	}
	return err
}
