package keeper

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"github.com/mosha-ssh/mosha/internal/link"
	"github.com/mosha-ssh/mosha/internal/sshconn"
)

// serveControl answers clients until the listener is closed, and returns when
// the last conversation has ended.
func (k *Keeper) serveControl(ctx context.Context, listener net.Listener) {
	var clients sync.WaitGroup
	defer clients.Wait()
	places := newPlaces(maxClients)
	for {
		conn, err := k.accept(listener)
		if err != nil {
			return
		}
		place := places.take(conn)
		clients.Go(func() {
			defer place.leave()
			k.converse(ctx, newWire(conn), place.heard)
		})
	}
}

// converse serves one client. What it sends that is not of the protocol ends
// the conversation and nothing else. It calls heard when it knows what the
// client wants. To stop is understood in every version, so that a person can
// get rid of a keeper that speaks another.
func (k *Keeper) converse(ctx context.Context, w *wire, heard func()) {
	defer w.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(ctx, func() { _ = w.Close() })()
	k.touch()

	var c call
	if err := w.receiveCall(&c); err != nil {
		quiet := k.log.Sample(noise)
		quiet.Debug().Err(err).Msg("client said nothing useful")
		return
	}
	heard()
	if c.Version != protocolVersion && c.Op != opStop {
		_ = w.send(reply{Error: encodeError(&VersionError{Keeper: protocolVersion, Client: c.Version})})
		return
	}
	calls := make(chan call, 1)
	go listen(cancel, w, calls)
	if err := k.answer(ctx, w, c, calls); err != nil {
		_ = w.send(reply{Error: encodeError(err)})
	}
}

// failed tells a client why it cannot be served. It is called before the
// client is no longer counted: the keeper may end with its last client, and
// one that hears nothing would look for another keeper.
func failed(w *wire, err error) error { return w.send(reply{Error: encodeError(err)}) }

// listen hands on what else the client says. It ends the conversation's
// context when the client is gone, or says more than it was asked: one call at
// a time is answered, and one that waits must not hide that its client is gone.
func listen(cancel func(), w *wire, calls chan<- call) {
	defer cancel()
	for {
		var c call
		if err := w.receive(&c); err != nil {
			return
		}
		if c.Answer != nil {
			if c.Answer.receive(w) != nil {
				return
			}
			if int64(c.Answer.Number) != w.asking.Load() { // to a question that is void
				c.Answer.wipe()
				continue
			}
		}
		select {
		case calls <- c:
		default:
			c.Answer.wipe()
			return
		}
	}
}

// answer does what the call asks for. An error is told to the client.
func (k *Keeper) answer(ctx context.Context, w *wire, c call, calls <-chan call) error {
	switch {
	case c.Op == opAttach && c.Attach != nil && k.isFor(c.Attach.Config):
		return k.attach(ctx, w, *c.Attach, calls)
	case c.Op == opStart && c.Start != nil:
		return k.startServer(ctx, w, *c.Start)
	case c.Op == opShell && c.Shell != nil:
		return k.runShell(ctx, w, *c.Shell, calls)
	case remoteTasks[c.Op].do != nil:
		return k.runTask(ctx, w, remoteTasks[c.Op])
	case c.Op == opStatus:
		return w.send(reply{Status: k.status()})
	case c.Op == opStop:
		k.stop()
		return errors.Join(w.send(reply{Done: true}), untilGone(ctx))
	}
	return errUnknownCall
}

var errUnknownCall = errors.New("unknown call")

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
func (k *Keeper) use(a Attach) {
	configured := false
	k.update(func() {
		k.usesLocked(a.AgentSocket)
		k.linger = max(k.linger, a.Linger)
		configured = k.configureLocked(a)
		k.chooseLocked(a.Transport)
	})
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
func (k *Keeper) connected(ctx context.Context, failures int, asks <-chan ask, put func(ask) error) (*connection, error) {
	var told sshconn.Stage
	quiet := time.NewTicker(stagePause)
	defer quiet.Stop()
	for {
		k.mu.Lock()
		conn, change, failed := k.conn, k.change, k.failed
		works := conn.readyLocked()
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
			if err := put(ask{notice: &Notice{Kind: sshconn.NoticeStage, Stage: &stage}}); err != nil {
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
func (k *Keeper) attach(ctx context.Context, w *wire, a Attach, calls <-chan call) error {
	if err := w.send(reply{Heard: true}); err != nil {
		return err
	}
	put := func(q ask) error { return deliver(ctx, w, q, calls) }
	// A launch that is refused changes nothing for the others.
	vetted, notes, err := k.vet(ctx, k.working(), a.Config, put)
	if err != nil {
		return failed(w, err)
	}
	k.use(a)
	k.leaveExpired()
	failures, leave := k.attend(true)
	defer leave()
	conn, err := k.connected(ctx, failures, k.asks, put)
	if err == nil && conn != vetted {
		_, notes, err = k.vet(ctx, conn, a.Config, put)
	}
	if err != nil {
		return failed(w, err)
	}
	if err := conn.carriedBy(a.Transport); err != nil {
		return failed(w, err)
	}
	if a.Session {
		conn.begin(true)
	}
	if err := w.send(reply{Up: conn.up(notes)}); err != nil {
		return err
	}
	for {
		select {
		case c := <-calls:
			if c.Op == opAnswer { // to a question that is void
				c.Answer.wipe()
				continue
			}
			done, err := k.follow(ctx, conn, c)
			if err != nil {
				return failed(w, err)
			}
			if err := w.send(done); err != nil {
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
	if conn != nil && conn.expired() != nil {
		conn.drop()
	}
}

// stay has the keeper stay, or no longer.
func (k *Keeper) stay(kept bool) {
	k.update(func() { k.kept = kept })
	k.saveOrLog()
}

// follow does what a launcher may ask for once it is attached, and returns
// what it is told then.
func (k *Keeper) follow(ctx context.Context, conn *connection, c call) (reply, error) {
	switch c.Op {
	case opLease:
		return reply{Done: true}, k.leases.Add(c.Lease)
	case opKeep:
		if conn.ssh.Facts().OneSession {
			return reply{}, &link.ForwardError{Reason: "one session"}
		}
		before := k.isKept()
		k.stay(true)
		conn.settled(ctx)
		if err := conn.expired(); err != nil {
			k.stay(before)
			return reply{}, err
		}
		return reply{Settled: &settled{Written: conn.firstWritten(), Warnings: encodeAll(conn.lacking())}}, nil
	}
	return reply{}, errUnknownCall
}

// startServer has mosh-server started for the stand-in and relays what that
// prints. What the start lacks is said when it is known, beside the output.
func (k *Keeper) startServer(ctx context.Context, w *wire, s Start) error {
	failures, leave := k.attend(false)
	defer leave()
	defer context.AfterFunc(ctx, leave)() // a start may outlast its client
	conn, err := k.connected(ctx, failures, nil, nil)
	if err != nil {
		return failed(w, err)
	}
	for tries := 0; ; tries++ {
		code, err := k.startOn(ctx, conn, w, s)
		if err == nil {
			return w.send(reply{Exit: &code})
		}
		if tries == conn.startTries() || conn.ctx.Err() == nil || ctx.Err() != nil {
			return failed(w, err)
		}
		// The connection was lost in the middle: there will be another.
		if conn, err = k.connected(ctx, failures, nil, nil); err != nil {
			return failed(w, err)
		}
	}
}

// startTries is how often a start whose connection is lost is tried again. Where
// each takes a connection of its own, that may have been another's.
func (c *connection) startTries() int {
	if c.ssh.Facts().OneSession {
		return 20
	}
	return 2
}

// startOn starts mosh-server over one connection. It tells the client beside
// that when the remote is ready.
func (k *Keeper) startOn(ctx context.Context, conn *connection, w *wire, s Start) (int, error) {
	conn.begin(false)
	told := make(chan struct{})
	go func() {
		defer close(told)
		conn.tellSettled(ctx, w)
	}()
	waiting := func(kind string) { _ = w.send(reply{Tell: &Notice{Kind: kind}}) }
	code, err := conn.start(ctx, s, waiting, func(p []byte) { _ = w.send(reply{Output: p}) })
	if err != nil && conn.ctx.Err() != nil {
		return code, errLostInStart
	}
	<-told // mosh wants to hear the address, also where it then hears of no server
	return code, err
}
