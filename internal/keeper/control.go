package keeper

import (
	"context"
	"errors"
	"net"
	"sync"

	"github.com/mosha-ssh/mosha/internal/bootstrap"
	"github.com/mosha-ssh/mosha/internal/sshconn"
)

// maxClients bounds how many conversations the control socket has at once.
const maxClients = 128

// Question is what the person is asked about an unknown host key.
type Question = sshconn.HostKeyQuestion

// ask is a question on its way to whoever is attached.
type ask struct {
	question Question
	answered chan answer // one slot
}

// errNobody says that the person who was asked did not answer.
var errNobody = errors.New("nobody answered the question")

// ask puts a question to an attached launcher and waits for the answer.
func (k *Keeper) ask(ctx context.Context, q Question) (string, error) {
	a := ask{question: q, answered: make(chan answer, 1)}
	select {
	case k.asks <- a:
	case <-ctx.Done():
		return "", ctx.Err()
	}
	select {
	case got := <-a.answered:
		if !got.OK {
			return "", errNobody
		}
		return got.Text, nil
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// serveControl answers clients until the listener is closed, and returns when
// the last conversation has ended.
func (k *Keeper) serveControl(ctx context.Context, listener net.Listener) {
	var clients sync.WaitGroup
	defer clients.Wait()
	places := make(chan struct{}, maxClients)
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		places <- struct{}{}
		clients.Go(func() {
			defer func() { <-places }()
			k.converse(ctx, newWire(conn))
		})
	}
}

// converse serves one client. What it sends that is not of the protocol ends
// the conversation and nothing else.
func (k *Keeper) converse(ctx context.Context, w *wire) {
	defer w.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(ctx, func() { _ = w.Close() })()

	var c call
	if err := w.receiveWithin(patience, &c); err != nil {
		k.log.Debug().Err(err).Msg("client said nothing useful")
		return
	}
	if c.Version != protocolVersion {
		_ = w.send(reply{Error: encodeError(&VersionError{Keeper: protocolVersion, Client: c.Version})})
		return
	}
	calls := make(chan call)
	go listen(ctx, cancel, w, calls)
	if err := k.answer(ctx, w, c, calls); err != nil {
		_ = w.send(reply{Error: encodeError(err)})
	}
}

// failed tells a client why it cannot be served. It is called before the
// client is no longer counted: the keeper may end with its last client, and
// one that hears nothing would look for another keeper.
func failed(w *wire, err error) error { return w.send(reply{Error: encodeError(err)}) }

// listen hands on what else the client says. It ends the conversation's
// context when the client is gone.
func listen(ctx context.Context, cancel func(), w *wire, calls chan<- call) {
	defer cancel()
	for {
		var c call
		if err := w.receive(&c); err != nil {
			return
		}
		select {
		case calls <- c:
		case <-ctx.Done():
			return
		}
	}
}

// answer does what the call asks for. An error is told to the client.
func (k *Keeper) answer(ctx context.Context, w *wire, c call, calls <-chan call) error {
	switch {
	case c.Op == opAttach && c.Attach != nil:
		return k.attach(ctx, w, *c.Attach, calls)
	case c.Op == opStart && c.Start != nil:
		return k.startServer(ctx, w, *c.Start)
	case c.Op == opSetup:
		return k.setUp(ctx, w)
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

// stop ends the keeper, whoever needs it.
func (k *Keeper) stop() {
	k.mu.Lock()
	k.stopping = true
	k.mu.Unlock()
	k.poke()
}

// attend counts a client that needs the connection until leave is called,
// which may be done more than once. It returns how many attempts had failed
// before.
func (k *Keeper) attend(askable bool) (failures int, leave func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	asks := 0
	if askable {
		asks = 1
	}
	k.attached++
	k.askable += asks
	if askable && k.state == Connecting && !k.attended {
		k.abort()
	}
	k.poke()
	return k.failures, sync.OnceFunc(func() {
		k.mu.Lock()
		k.attached--
		k.askable -= asks
		k.mu.Unlock()
		k.poke()
	})
}

// use makes the launcher's agent the one that is forwarded: its socket may be
// newer than the one of the launcher that spawned the keeper.
func (k *Keeper) use(agentSocket string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if agentSocket != "" {
		k.agentSock = agentSocket
	}
}

// connected waits until the connection is up, or until an attempt fails that
// ended after the one counted by failures. Questions are taken from asks
// meanwhile; a nil asks takes none.
func (k *Keeper) connected(ctx context.Context, failures int, asks <-chan ask, put func(ask) error) (*connection, error) {
	for {
		k.mu.Lock()
		conn, change, failed := k.conn, k.change, k.failed
		news := k.failures > failures
		k.mu.Unlock()
		switch {
		case conn != nil:
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
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// attach brings the connection up for a launcher, asks it what the connection
// needs to know, and then counts its sessions until it leaves.
func (k *Keeper) attach(ctx context.Context, w *wire, a Attach, calls <-chan call) error {
	k.use(a.AgentSocket)
	failures, leave := k.attend(true)
	defer leave()
	put := func(q ask) error { return putQuestion(ctx, w, q, calls) }
	conn, err := k.connected(ctx, failures, k.asks, put)
	if err != nil {
		return failed(w, err)
	}
	if a.Session {
		conn.begin(true)
	}
	if err := w.send(reply{Up: conn.up()}); err != nil {
		return err
	}
	for {
		select {
		case c := <-calls:
			if err := k.leases.add(c.Lease); err != nil {
				return failed(w, err)
			}
			if err := w.send(reply{Done: true}); err != nil {
				return err
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// putQuestion asks the client and hands its answer on. A client that leaves
// has declined.
func putQuestion(ctx context.Context, w *wire, q ask, calls <-chan call) error {
	if err := w.send(reply{Ask: &q.question}); err != nil {
		q.answered <- answer{}
		return err
	}
	select {
	case c := <-calls:
		if c.Answer == nil {
			q.answered <- answer{}
			return errUnknownCall
		}
		q.answered <- *c.Answer
		return nil
	case <-ctx.Done():
		q.answered <- answer{}
		return ctx.Err()
	}
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
	conn.begin(false)
	told := make(chan struct{})
	go func() {
		defer close(told)
		conn.tellSettled(ctx, w)
	}()
	code, err := conn.start(ctx, s, func(p []byte) { _ = w.send(reply{Output: p}) })
	if err != nil {
		return failed(w, err)
	}
	if code == 0 {
		<-told // the session needs it
	}
	return w.send(reply{Exit: &code})
}

// setUp runs the set-up for --setup-only.
func (k *Keeper) setUp(ctx context.Context, w *wire) error {
	failures, leave := k.attend(false)
	defer leave()
	conn, err := k.connected(ctx, failures, nil, nil)
	if err != nil {
		return failed(w, err)
	}
	ctx, cancel := context.WithTimeout(ctx, settleLimit)
	defer cancel()
	report, err := bootstrap.Setup(ctx, conn)
	if err != nil {
		return failed(w, &SetupError{Err: err})
	}
	return w.send(reply{Report: newSetupReport(report)})
}
