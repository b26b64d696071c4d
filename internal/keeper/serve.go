package keeper

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/mosha-ssh/mosha/internal/keeper/control"
	"github.com/mosha-ssh/mosha/internal/keeper/remote"
	"github.com/mosha-ssh/mosha/internal/link"
	"github.com/mosha-ssh/mosha/internal/sshconn"
)

// service is what the keeper does for its clients.
type service struct{ *Keeper }

// server is the keeper's end of the control socket.
func (k *Keeper) server() *control.Server {
	return &control.Server{Log: k.log, Used: k.uses.Note, Answer: service{k}.answer}
}

// answer does what a client wants. An error is told to it.
//
// What fails is told by the functions below, before the client is no longer
// counted: the keeper may end with its last client, and one that hears nothing
// would look for another keeper.
func (s service) answer(ctx context.Context, c *control.Conversation) error {
	switch {
	case c.Op == control.OpAttach && c.Attach != nil && s.isFor(c.Attach.Config):
		return s.attach(ctx, c, *c.Attach)
	case c.Op == control.OpStart && c.Start != nil:
		return s.startServer(ctx, c, *c.Start)
	case c.Op == control.OpShell && c.Shell != nil:
		return s.runShell(ctx, c, *c.Shell)
	case remoteTasks[c.Op].do != nil:
		return s.runTask(ctx, c, remoteTasks[c.Op])
	case c.Op == control.OpStatus:
		return c.Status(s.status())
	case c.Op == control.OpStop:
		s.stop()
		return errors.Join(c.Done(), untilGone(ctx))
	}
	return control.ErrUnknownCall
}

// untilGone holds a conversation open until the client or the keeper ends it.
func untilGone(ctx context.Context) error {
	<-ctx.Done()
	return nil
}

// stop ends the keeper although clients may need it, also should it be killed
// meanwhile.
func (k *Keeper) stop() {
	k.store.drop()
	k.update(func() { k.lifetime.stopping = true })
}

// attend counts a client that needs the connection until leave is called,
// which may be done more than once. It returns how many attempts had failed
// before.
func (s service) attend(askable bool) (failures int, leave func()) {
	asks := 0
	if askable {
		asks = 1
	}
	s.update(func() {
		s.clients.attached++
		s.clients.askable += asks
		s.clients.arrivals += asks
		failures = s.tries.failures
	})
	return failures, sync.OnceFunc(func() {
		s.update(func() {
			s.clients.attached--
			s.clients.askable -= asks
		})
	})
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

// stagePause is how long a person waits without a word before they are told
// what for, and again when that is something else by then. What they were just
// asked about is not told.
const stagePause = 2 * time.Second

// connected waits until the connection is up, or until an attempt fails that
// ended after the one counted by failures. Questions are taken from asks
// meanwhile, and what takes long is told; a nil asks takes none.
func (s service) connected(ctx context.Context, failures int, asks <-chan ask, put func(ask) error) (*remote.Connection, error) {
	var told sshconn.Stage
	quiet := time.NewTicker(stagePause)
	defer quiet.Stop()
	for {
		s.mu.Lock()
		conn, change, failed := s.conn, s.change, s.tries.failed
		works := conn.Ready()
		news := s.tries.failures > failures
		s.mu.Unlock()
		switch {
		case works:
			return conn, nil
		case news:
			return nil, failed
		}
		select {
		case <-change:
		case a := <-asks:
			if err := put(a); err != nil {
				return nil, err
			}
			told = s.stage() // the person who was just asked knows
			quiet.Reset(stagePause)
		case <-quiet.C:
			stage := s.stage()
			if asks == nil || stage == told || stage.Phase == "" || s.config().IsHushed() {
				continue
			}
			if err := put(ask{notice: &sshconn.Notice{Kind: sshconn.NoticeStage, Stage: &stage}}); err != nil {
				return nil, err
			}
			told = stage
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

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
	if err != nil {
		return c.Fail(err)
	}
	if a.Session {
		conn.Begin(true)
	}
	if err := c.Up(s.up(conn, notes)); err != nil {
		return err
	}
	return s.serveAttached(ctx, c, conn)
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

// stay has the keeper stay, or no longer.
func (s service) stay(kept bool) {
	s.update(func() { s.lifetime.kept = kept })
	s.saveOrLog()
}

// follow does what a launcher may want once it is attached, and returns what tells
// it the outcome.
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

// startServer has mosh-server started for the stand-in and relays what that
// prints. It tells what the start lacks when that is known, beside the output.
func (s service) startServer(ctx context.Context, c *control.Conversation, start control.Start) error {
	failures, leave := s.attend(false)
	defer leave()
	defer context.AfterFunc(ctx, leave)() // a start may outlast its client
	conn, err := s.connected(ctx, failures, nil, nil)
	if err != nil {
		return c.Fail(err)
	}
	for tries := 0; ; tries++ {
		code, err := s.startOn(ctx, conn, c, start)
		if err == nil {
			return c.Exit(code)
		}
		if tries == startTries(conn) || !conn.Over() || ctx.Err() != nil {
			return c.Fail(err)
		}
		// The connection was lost in the middle: there will be another.
		if conn, err = s.connected(ctx, failures, nil, nil); err != nil {
			return c.Fail(err)
		}
	}
}

// startTries is how often a start whose connection is lost is tried again. Where
// each takes a connection of its own, that may have been another's.
func startTries(conn *remote.Connection) int {
	if conn.Facts().OneSession {
		return 20
	}
	return 2
}

// startOn starts mosh-server over one connection. It tells the client beside
// that when the remote is ready.
func (s service) startOn(ctx context.Context, conn *remote.Connection, c *control.Conversation, start control.Start) (int, error) {
	conn.Begin(false)
	told := make(chan struct{})
	go func() {
		defer close(told)
		s.tellSettled(ctx, conn, c)
	}()
	waiting := func(kind string) { _ = c.Tell(sshconn.Notice{Kind: kind}) }
	code, err := conn.Start(ctx, start, waiting, func(p []byte) { _ = c.Output(p) })
	if errors.Is(err, remote.ErrLostInStart) {
		return code, err
	}
	<-told // mosh wants to hear the address, also where it then hears of no server
	return code, err
}

// tellSettled tells a client when the set-up and the link are done or have
// failed.
func (s service) tellSettled(ctx context.Context, conn *remote.Connection, c *control.Conversation) {
	if !conn.Settled(ctx) {
		return
	}
	address, beyond := conn.Address()
	ready := control.Ready{Address: address, Beyond: beyond, Written: conn.Written()}
	if conn.Expired() == nil { // which the start reports
		ready.Warnings = s.lacking(conn)
	}
	_ = c.Settled(ready)
}

// up returns what a launcher wants to know of the connection, with these notes.
func (s service) up(conn *remote.Connection, notes []sshconn.Note) *control.Connected {
	address, _ := conn.Address()
	facts := conn.Facts()
	return &control.Connected{Address: address, Notes: notes, Agent: s.agents.forwarded(), Identity: facts.Identity, Forwarding: conn.Forwarding(), OneSession: facts.OneSession}
}

// lacking returns what a launch is told: what sessions go without, and that its
// agent has no keys where that is the one reason why the session has none.
func (s service) lacking(conn *remote.Connection) []error {
	lacks := conn.Lacks()
	forward := (*link.ForwardError)(nil)
	for _, err := range lacks {
		if errors.As(err, &forward) {
			return lacks
		}
	}
	if err := s.agents.lacksKeys(); err != nil {
		lacks = append(lacks, err)
	}
	return lacks
}
