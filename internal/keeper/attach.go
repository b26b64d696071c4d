package keeper

import (
	"context"

	"github.com/mosha-ssh/mosha/internal/keeper/control"
	"github.com/mosha-ssh/mosha/internal/keeper/remote"
	"github.com/mosha-ssh/mosha/internal/link"
	"github.com/mosha-ssh/mosha/internal/sshconfig"
	"github.com/mosha-ssh/mosha/internal/sshconn"
	"github.com/mosha-ssh/mosha/internal/sshconn/hostkey"
)

// attach brings the connection up for a launcher, asks it what the connection
// needs to know, and then counts its sessions until it leaves.
func (s service) attach(ctx context.Context, c *control.Conversation, a control.Attach) error {
	if err := c.Heard(); err != nil {
		return err
	}
	put := func(q ask) error { return deliver(ctx, c, q) }
	// A launch that is refused changes nothing for the others.
	vetted, notes, err := s.vet(ctx, s.working(), a.Config, put)
	if err != nil {
		return c.Fail(err)
	}
	s.use(a)
	s.leaveExpired()
	failures, leave := s.attend(true)
	defer leave()
	conn, err := s.connected(ctx, failures, s.questions.asks, put)
	if err == nil && conn != vetted {
		_, notes, err = s.vet(ctx, conn, a.Config, put)
	}
	if err == nil {
		err = carriedBy(conn, a.Transport)
	}
	var tunnels []control.Tunnel
	if err == nil && a.Session {
		conn.Begin(true)
		tunnels, err = s.forwardConfigured(ctx, a.Config)
	}
	if err != nil {
		return c.Fail(err)
	}
	up := s.up(conn, notes)
	up.Tunnels = tunnels
	if err := c.Up(up); err != nil {
		return err
	}
	return s.serveAttached(ctx, c, conn)
}

// working returns the connection, nil if there is none or it may be gone.
func (s service) working() *remote.Connection {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.conn.Works() {
		return nil
	}
	return s.conn
}

// vet judges the host key of a connection by a launch's configuration, since it
// may have been accepted by another that is not as strict. What has to be asked
// is put to that launch. It returns the connection, and what the launch should
// know of how it was made. The error is that of hostkey.Recheck.
func (s service) vet(ctx context.Context, conn *remote.Connection, config *sshconfig.Config, put func(ask) error) (*remote.Connection, []sshconn.Note, error) {
	switch {
	case conn == nil:
		return nil, nil, nil
	case config == nil, config == conn.Facts().Judged: // what was dialed for this launch
		return conn, conn.News(), nil
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	own := questions{asks: make(chan ask), others: s.canAsk}
	opts := sshconn.Options{Log: s.log, Ask: own.hostKey, Tell: func(n sshconn.Notice) { own.tell(ctx, n) }}
	s.mu.Lock()
	opts.Accepted, opts.Env = s.known.accepted, s.env
	s.mu.Unlock()
	var verdict hostkey.Verdict
	var err error
	judged := make(chan struct{})
	go func() {
		defer close(judged)
		verdict, err = hostkey.Recheck(ctx, conn.Facts(), config, opts)
	}()
	for {
		select {
		case a := <-own.asks:
			if err := put(a); err != nil {
				cancel()
				<-judged
				return nil, nil, err
			}
		case <-judged:
			if verdict.Accepted != nil {
				s.update(func() { s.known.accepted = verdict.Accepted })
			}
			return conn, verdict.Notes, err
		}
	}
}

// use takes what a launcher tells of its side: its agent is forwarded from now
// on, since its socket may be newer than the one of the launcher that spawned
// the keeper, its configuration holds for what is dialed from now on, and the
// keeper stays for the longest time that one asked for.
func (s service) use(a control.Attach) {
	s.update(func() {
		s.lifetime.linger = max(s.lifetime.linger, a.Linger)
		s.configureLocked(a)
		s.chooseLocked(a.Transport)
	})
	s.agents.uses(a.AgentSocket) // and looked at, as the configuration has it now
	s.saveOrLog()
}

// configureLocked takes the configuration of a launch for the connections to
// come, with its environment and directory: the user may have corrected it since
// the keeper was spawned. Programs run as if the newest launch ran them itself: a
// token that was renewed in a new shell counts, as does $NAME in IdentityAgent.
// Clients that only look, or set up, leave that of a connection that works as it
// is.
//
// The environment is not part of the spec, since it may hold secrets: a keeper
// that comes back after it was killed has that of the launch that spawned it,
// until the next one.
func (s service) configureLocked(a control.Attach) {
	if a.Config == nil || !a.Session && s.conn.Works() {
		return
	}
	s.spec.Config = a.Config
	if len(a.Env) > 0 { // else it was too large to be sent
		s.env = s.env.With(a.Environ())
	}
	if a.Config.Dir != "" {
		s.env = s.env.In(a.Config.Dir)
	}
	s.agents.follow(s.spec.Config, s.env)
}

// chooseLocked takes the transport that a launch wants; "" leaves it as it is.
// What the keeper has found out by itself stays, if the launch leaves it open.
func (s service) chooseLocked(wanted string) {
	if wanted == "" || wanted == sshconn.TransportAuto && s.known.choice.Reason != "" {
		return
	}
	s.known.choice = sshconn.Choice{Transport: wanted}
}

// leaveExpired ends a connection on which nothing can be started, since a launch
// comes that may find it otherwise.
func (s service) leaveExpired() {
	s.mu.Lock()
	conn := s.conn
	s.mu.Unlock()
	if conn != nil && conn.Expired() != nil {
		conn.Drop()
	}
}

// carriedBy returns a *control.TransportError if another transport is wanted.
func carriedBy(conn *remote.Connection, wanted string) error {
	is := conn.Facts().Choice.Transport
	if wanted == "" || wanted == sshconn.TransportAuto || wanted == is {
		return nil
	}
	return &control.TransportError{Wanted: wanted, Open: is}
}

// up returns what a launcher wants to know of the connection, with these notes.
func (s service) up(conn *remote.Connection, notes []sshconn.Note) *control.Connected {
	address, _ := conn.Address()
	facts := conn.Facts()
	return &control.Connected{Address: address, Notes: notes, Agent: s.agents.forwarded(), Identity: facts.Identity, Forwarding: conn.Forwarding(), OneSession: facts.OneSession}
}

// serveAttached does what an attached launcher wants until it leaves.
func (s service) serveAttached(ctx context.Context, c *control.Conversation, conn *remote.Connection) error {
	for {
		select {
		case call := <-c.More:
			tell, err := s.follow(ctx, c, conn, call)
			if err != nil {
				return c.Fail(err)
			}
			if err := tell(); err != nil {
				return err
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// follow does what a launcher may want once it is attached, and returns what
// tells it the outcome.
func (s service) follow(ctx context.Context, c *control.Conversation, conn *remote.Connection, call control.Call) (tell func() error, err error) {
	switch call.Op {
	case control.OpLease:
		return c.Done, s.leases.Add(call.Lease)
	case control.OpKeep:
		if conn.Facts().OneSession {
			return nil, &link.ForwardError{Reason: "one session"}
		}
		before := s.isKept()
		s.stay(true)
		conn.Settled(ctx)
		if err := conn.Expired(); err != nil {
			s.stay(before)
			return nil, err
		}
		ready := control.Ready{Written: conn.Written(), Warnings: s.lacking(conn)}
		return func() error { return c.Settled(ready) }, nil
	}
	return nil, control.ErrUnknownCall
}

// stay makes the keeper stay, or no longer.
func (s service) stay(kept bool) {
	s.update(func() { s.lifetime.kept = kept })
	s.saveOrLog()
}
