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

// server is the keeper's end of the control socket.
func (k *Keeper) server() *control.Server {
	return &control.Server{Log: k.log, Used: k.touch, Answer: k.answer}
}

// answer does what a client wants. An error is told to it.
//
// What fails is told by the functions below, before the client is no longer
// counted: the keeper may end with its last client, and one that hears nothing
// would look for another keeper.
func (k *Keeper) answer(ctx context.Context, c *control.Conversation) error {
	switch {
	case c.Op == control.OpAttach && c.Attach != nil && k.isFor(c.Attach.Config):
		return k.attach(ctx, c, *c.Attach)
	case c.Op == control.OpStart && c.Start != nil:
		return k.startServer(ctx, c, *c.Start)
	case c.Op == control.OpShell && c.Shell != nil:
		return k.runShell(ctx, c, *c.Shell)
	case remoteTasks[c.Op].do != nil:
		return k.runTask(ctx, c, remoteTasks[c.Op])
	case c.Op == control.OpStatus:
		return c.Status(k.status())
	case c.Op == control.OpStop:
		k.stop()
		return errors.Join(c.Done(), untilGone(ctx))
	}
	return control.ErrUnknownCall
}

// untilGone holds a conversation open until the client or the keeper ends it.
func untilGone(ctx context.Context) error {
	<-ctx.Done()
	return nil
}

// stop ends the keeper, whoever needs it, also should it be killed meanwhile.
func (k *Keeper) stop() {
	k.dropSpec()
	k.update(func() { k.stopping = true })
}

// attend counts a client that needs the connection until leave is called,
// which may be done more than once. It returns how many attempts had failed
// before.
func (k *Keeper) attend(askable bool) (failures int, leave func()) {
	asks := 0
	if askable {
		asks = 1
	}
	k.update(func() {
		k.attached++
		k.askable += asks
		k.arrivals += asks
		failures = k.failures
	})
	return failures, sync.OnceFunc(func() {
		k.update(func() {
			k.attached--
			k.askable -= asks
		})
	})
}

// use takes what a launcher says of its side: its agent is forwarded from now
// on, since its socket may be newer than the one of the launcher that spawned
// the keeper, its configuration holds for what is dialed from now on, and the
// keeper stays for the longest time that one asked for.
func (k *Keeper) use(a control.Attach) {
	configured := false
	k.update(func() {
		k.linger = max(k.linger, a.Linger)
		configured = k.configureLocked(a)
		k.chooseLocked(a.Transport)
	})
	k.agents.uses(a.AgentSocket) // and looked at, as the configuration has it now
	if configured {
		k.enterDir(a.Config.Dir)
	}
	k.saveOrLog()
}

// stagePause is how long a person waits without a word before they are told
// what for, and again when that is something else by then. What they were just
// asked about is not told.
const stagePause = 2 * time.Second

// connected waits until the connection is up, or until an attempt fails that
// ended after the one counted by failures. Questions are taken from asks
// meanwhile, and what takes long is told; a nil asks takes none.
func (k *Keeper) connected(ctx context.Context, failures int, asks <-chan ask, put func(ask) error) (*remote.Connection, error) {
	var told sshconn.Stage
	quiet := time.NewTicker(stagePause)
	defer quiet.Stop()
	for {
		k.mu.Lock()
		conn, change, failed := k.conn, k.change, k.failed
		works := conn.Ready()
		news := k.failures > failures
		k.mu.Unlock()
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
			told = k.stage() // whoever was just asked knows
			quiet.Reset(stagePause)
		case <-quiet.C:
			stage := k.stage()
			if asks == nil || stage == told || stage.Phase == "" || k.config().IsHushed() {
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
func (k *Keeper) attach(ctx context.Context, c *control.Conversation, a control.Attach) error {
	if err := c.Heard(); err != nil {
		return err
	}
	put := func(q ask) error { return deliver(ctx, c, q) }
	// A launch that is refused changes nothing for the others.
	vetted, notes, err := k.vet(ctx, k.working(), a.Config, put)
	if err != nil {
		return c.Fail(err)
	}
	k.use(a)
	k.leaveExpired()
	failures, leave := k.attend(true)
	defer leave()
	conn, err := k.connected(ctx, failures, k.asks, put)
	if err == nil && conn != vetted {
		_, notes, err = k.vet(ctx, conn, a.Config, put)
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
	if err := c.Up(k.up(conn, notes)); err != nil {
		return err
	}
	return k.serveAttached(ctx, c, conn)
}

// serveAttached does what an attached launcher wants until it leaves.
func (k *Keeper) serveAttached(ctx context.Context, c *control.Conversation, conn *remote.Connection) error {
	for {
		select {
		case call := <-c.More:
			tell, err := k.follow(ctx, c, conn, call)
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
func (k *Keeper) leaveExpired() {
	k.mu.Lock()
	conn := k.conn
	k.mu.Unlock()
	if conn != nil && conn.Expired() != nil {
		conn.Drop()
	}
}

// stay has the keeper stay, or no longer.
func (k *Keeper) stay(kept bool) {
	k.update(func() { k.kept = kept })
	k.saveOrLog()
}

// follow does what a launcher may want once it is attached, and returns what tells
// it the outcome.
func (k *Keeper) follow(ctx context.Context, c *control.Conversation, conn *remote.Connection, call control.Call) (tell func() error, err error) {
	switch call.Op {
	case control.OpLease:
		return c.Done, k.leases.Add(call.Lease)
	case control.OpKeep:
		if conn.Facts().OneSession {
			return nil, &link.ForwardError{Reason: "one session"}
		}
		before := k.isKept()
		k.stay(true)
		conn.Settled(ctx)
		if err := conn.Expired(); err != nil {
			k.stay(before)
			return nil, err
		}
		ready := control.Ready{Written: conn.Written(), Warnings: k.lacking(conn)}
		return func() error { return c.Settled(ready) }, nil
	}
	return nil, control.ErrUnknownCall
}

// startServer has mosh-server started for the stand-in and relays what that
// prints. What the start lacks is said when it is known, beside the output.
func (k *Keeper) startServer(ctx context.Context, c *control.Conversation, s control.Start) error {
	failures, leave := k.attend(false)
	defer leave()
	defer context.AfterFunc(ctx, leave)() // a start may outlast its client
	conn, err := k.connected(ctx, failures, nil, nil)
	if err != nil {
		return c.Fail(err)
	}
	for tries := 0; ; tries++ {
		code, err := k.startOn(ctx, conn, c, s)
		if err == nil {
			return c.Exit(code)
		}
		if tries == startTries(conn) || !conn.Over() || ctx.Err() != nil {
			return c.Fail(err)
		}
		// The connection was lost in the middle: there will be another.
		if conn, err = k.connected(ctx, failures, nil, nil); err != nil {
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
func (k *Keeper) startOn(ctx context.Context, conn *remote.Connection, c *control.Conversation, s control.Start) (int, error) {
	conn.Begin(false)
	told := make(chan struct{})
	go func() {
		defer close(told)
		k.tellSettled(ctx, conn, c)
	}()
	waiting := func(kind string) { _ = c.Tell(sshconn.Notice{Kind: kind}) }
	code, err := conn.Start(ctx, s, waiting, func(p []byte) { _ = c.Output(p) })
	if errors.Is(err, remote.ErrLostInStart) {
		return code, err
	}
	<-told // mosh wants to hear the address, also where it then hears of no server
	return code, err
}

// tellSettled tells a client when the set-up and the link are done or have
// failed.
func (k *Keeper) tellSettled(ctx context.Context, conn *remote.Connection, c *control.Conversation) {
	if !conn.Settled(ctx) {
		return
	}
	address, beyond := conn.Address()
	ready := control.Ready{Address: address, Beyond: beyond, Written: conn.Written()}
	if conn.Expired() == nil { // which the start says
		ready.Warnings = k.lacking(conn)
	}
	_ = c.Settled(ready)
}

// up returns what a launcher wants to know of the connection, with these notes.
func (k *Keeper) up(conn *remote.Connection, notes []sshconn.Note) *control.Connected {
	address, _ := conn.Address()
	facts := conn.Facts()
	return &control.Connected{Address: address, Notes: notes, Agent: k.agents.forwarded(), Identity: facts.Identity, Forwarding: conn.Forwarding(), OneSession: facts.OneSession}
}

// lacking returns what a launch is told: what sessions go without, and that its
// agent has no keys where that is the one reason why the session has none.
func (k *Keeper) lacking(conn *remote.Connection) []error {
	lacks := conn.Lacks()
	forward := (*link.ForwardError)(nil)
	for _, err := range lacks {
		if errors.As(err, &forward) {
			return lacks
		}
	}
	if err := k.agents.lacksKeys(); err != nil {
		lacks = append(lacks, err)
	}
	return lacks
}
