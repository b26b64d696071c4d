package attempt

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/mosha-ssh/mosha/internal/sshconn"
	"github.com/mosha-ssh/mosha/internal/sshconn/dial"
	"github.com/mosha-ssh/mosha/internal/sshconn/proxy"
)

// Connect opens the byte stream that SSH is to run over.
func (a *Attempt) Connect(ctx context.Context) error {
	a.Begin(sshconn.PhaseConnect)
	conn, err := a.open(ctx)
	if err != nil {
		return err
	}
	a.Use(conn)
	return nil
}

func (a *Attempt) open(ctx context.Context) (net.Conn, error) {
	p, conn, err := proxy.Start(ctx, a.Config, &a.Options, proxy.Clocks{
		Deadline: a.deadline,
		Pause:    func() (resume func()) { return a.pauseFor(a.Limit) },
		Fail:     a.Abort,
	})
	a.proxy = p
	if conn != nil || err != nil {
		return conn, a.inTime(err, a.Limit)
	}
	conn, err = a.direct(ctx)
	if err != nil {
		return nil, err
	}
	if a.Options.Local != nil {
		a.Options.Local(conn.LocalAddr())
	}
	return conn, nil
}

// direct connects without a proxy. A limit for the connect says that the keeper
// comes back by itself: then the keeper tries again, not this attempt.
func (a *Attempt) direct(ctx context.Context) (net.Conn, error) {
	if own := a.Options.Limits.Connect; own > 0 {
		return a.once(ctx, min(own, a.Limit))
	}
	return a.insist(ctx)
}

// once connects once. The time for what comes up to the host key begins when
// there is an address to dial. If a person waits, and there is no ConnectTimeout,
// the server has more time once it is connected.
func (a *Attempt) once(ctx context.Context, limit time.Duration) (net.Conn, error) {
	conn, began, err := dial.TCP(ctx, a.Config, a.Options, limit)
	a.deadline = began.Add(a.Limit)
	if err == nil && a.Config.ConnectTimeout <= 0 && !a.Options.Unattended() {
		a.Limit, a.deadline = authTimeout, time.Now().Add(authTimeout)
	}
	return conn, a.inTime(err, limit)
}

// betweenAttempts is how long ssh rests between ConnectionAttempts.
const betweenAttempts = time.Second

// insist connects as ConnectionAttempts says. Each try has ConnectTimeout for
// itself.
func (a *Attempt) insist(ctx context.Context) (net.Conn, error) {
	for attempt := 1; ; attempt++ {
		conn, err := a.once(ctx, a.Limit)
		unresolved := (*sshconn.ResolveError)(nil)
		if err == nil || attempt >= a.Config.ConnectionAttempts || errors.As(err, &unresolved) {
			return conn, err
		}
		a.Options.Log.Info().Err(err).Int("attempt", attempt).Msg("not connected, trying again")
		select {
		case <-time.After(betweenAttempts):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// inTime makes a timeout the error that names the phase and the limit.
func (a *Attempt) inTime(err error, limit time.Duration) error {
	if timeout := net.Error(nil); errors.As(err, &timeout) && timeout.Timeout() {
		return a.timeout(sshconn.PhaseConnect, limit)
	}
	return err
}
