package keeper

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/crypto/ssh"

	"github.com/mosha-ssh/mosha/internal/bootstrap"
	"github.com/mosha-ssh/mosha/internal/guard"
	"github.com/mosha-ssh/mosha/internal/sshconn"
)

const (
	// settleLimit is how long a session's start waits for the set-up and the
	// link. Start-up files that take longer do not hold it up for ever.
	settleLimit = 15 * time.Second
	// farewell is how long a clean end waits for the remote to remove the link.
	farewell = time.Second
)

// connection is one SSH connection while it lasts, with what runs on it: the
// set-up, the link holder, the agent channels and the starts of mosh-server.
// It ends once, by close or by itself, and done is closed when nothing of it
// runs any more.
type connection struct {
	ssh   *sshconn.Conn
	log   zerolog.Logger
	agent func(context.Context) (net.Conn, error)
	usage *usage

	ctx    context.Context // ends with the connection
	cancel context.CancelFunc
	work   sync.WaitGroup
	done   chan struct{}

	spare chan *session // at most one session opened ahead of its use

	prepare sync.Once     // starts the set-up and the holder
	settled chan struct{} // closed when both are done or have failed

	mu       sync.Mutex
	holder   *holder
	peer     string  // the server's address as the server sees it
	warnings []error // what could not be had
}

// serve takes over an SSH connection and begins to serve its channels.
func serve(conn *sshconn.Conn, agent func(context.Context) (net.Conn, error), use *usage, log zerolog.Logger) *connection {
	ctx, cancel := context.WithCancel(context.Background())
	c := &connection{
		ssh: conn, log: log, agent: agent, usage: use,
		ctx: ctx, cancel: cancel, done: make(chan struct{}),
		spare: make(chan *session, 1), settled: make(chan struct{}),
	}
	c.work.Go(func() { ssh.DiscardRequests(conn.Requests) })
	c.work.Go(c.acceptChannels)
	go c.end()
	return c
}

// end waits until the connection is gone and everything on it has ended.
func (c *connection) end() {
	err := c.ssh.Wait()
	c.log.Debug().Err(err).Msg("connection ended")
	c.drop()
	c.work.Wait()
	close(c.done)
}

// acceptChannels serves the agent channels that the server opens and refuses
// all others.
func (c *connection) acceptChannels() {
	for offered := range c.ssh.NewChannels {
		if offered.ChannelType() != "auth-agent@openssh.com" {
			_ = offered.Reject(ssh.UnknownChannelType, "not served here")
			continue
		}
		channel, requests, err := offered.Accept()
		if err != nil {
			continue
		}
		ctx, cancel := context.WithCancel(c.ctx)
		go func() {
			ssh.DiscardRequests(requests) // until the channel is closed
			cancel()
		}()
		c.goWork(func() { c.serveAgent(ctx, channel) })
	}
}

func (c *connection) serveAgent(ctx context.Context, channel ssh.Channel) {
	bind, err := c.ssh.SessionBind(true)
	if err != nil {
		// An agent that is not told so would take the remote's requests for this machine's own.
		c.log.Error().Err(err).Msg("agent channel refused")
		_ = channel.Close()
		return
	}
	stats, err := guard.Serve(ctx, channel, c.agent, bind, c.log)
	c.usage.add(stats)
	if err != nil && ctx.Err() == nil {
		c.log.Warn().Err(err).Msg("agent channel")
	}
}

// begin has the remote hold the link, once a connection. act says that a
// person wants a session now: the remote is set up first time round, the link
// is claimed, and a session is opened ahead for the launch that is coming.
func (c *connection) begin(act bool) {
	first := false
	c.prepare.Do(func() {
		first = true
		c.goWork(func() { c.settle(act) })
	})
	if !act {
		return
	}
	if !first {
		c.claim()
	}
	c.goWork(c.openAhead)
}

// settle runs the set-up and starts the holder, side by side.
func (c *connection) settle(act bool) {
	defer close(c.settled)
	ctx, cancel := context.WithTimeout(c.ctx, settleLimit)
	defer cancel()
	var both sync.WaitGroup
	if act {
		both.Go(func() { c.setUp(ctx) })
	}
	both.Go(func() { c.hold(ctx, act) })
	both.Wait()
}

// goWork runs f as part of the connection, unless that is ending already.
func (c *connection) goWork(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ctx.Err() == nil {
		c.work.Go(f)
	}
}

func (c *connection) setUp(ctx context.Context) {
	report, err := bootstrap.Setup(ctx, c)
	if err != nil {
		c.warn(&SetupError{Err: err})
		return
	}
	for _, file := range report.Files {
		c.log.Info().Str("file", file.Path).Stringer("action", file.Action).AnErr("cause", file.Cause).Msg("set-up")
	}
	for _, failure := range failures(report, false) {
		c.warn(failure)
	}
}

// hold starts the link holder and keeps it for as long as the connection lasts.
func (c *connection) hold(ctx context.Context, act bool) {
	h, err := startHolder(ctx, c, act)
	if err != nil {
		c.warn(err)
	}
	if h == nil {
		return
	}
	c.mu.Lock()
	c.holder, c.peer = h, h.peer
	c.mu.Unlock()
	c.goWork(func() {
		h.run(c.ctx, c.log)
		c.drop() // what holds the link is gone: begin anew
	})
}

// claim takes the link back, if another machine took it since.
func (c *connection) claim() {
	c.mu.Lock()
	h := c.holder
	c.mu.Unlock()
	if h != nil {
		h.claim()
	}
}

// warn keeps what a session's start is to tell the person.
func (c *connection) warn(err error) {
	c.log.Warn().Err(err).Msg("not had")
	c.mu.Lock()
	defer c.mu.Unlock()
	c.warnings = append(c.warnings, err)
}

// warned returns what could not be had.
func (c *connection) warned() []error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]error(nil), c.warnings...)
}

// openAhead keeps one open session in store: a launch then saves the round
// trip of opening it.
func (c *connection) openAhead() {
	s, err := openSession(c.ssh)
	if err != nil {
		return
	}
	select {
	case c.spare <- s:
	default:
		_ = s.Close()
	}
}

// session returns a session to be used, the one in store if there is one.
func (c *connection) session() (*session, error) {
	select {
	case s := <-c.spare:
		return s, nil
	default:
		return openSession(c.ssh)
	}
}

// Shell starts a POSIX shell for the set-up's script.
func (c *connection) Shell(context.Context) (bootstrap.Shell, error) {
	s, err := openSession(c.ssh)
	if err != nil {
		return nil, err
	}
	return s, s.exec(shellCommand)
}

// address returns where mosh-server is to be reached: the address that this
// side connected to or, behind a proxy, the one that the server reports.
func (c *connection) address() (string, error) {
	if addr := c.ssh.Remote; addr.IsValid() {
		return addr.Addr().Unmap().String(), nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.peer == "" {
		return "", errNoAddress
	}
	return c.peer, nil
}

// errNoAddress says that a server behind a proxy did not say its address.
var errNoAddress = errors.New("the server behind the proxy did not report its address")

// up says what a launcher wants to know of the connection.
func (c *connection) up() *Connected {
	address, _ := c.address()
	return &Connected{Address: address, Notes: c.ssh.Notes}
}

// tellSettled tells a client when the set-up and the link are done or have
// failed. A server whose address is not known cannot be reached.
func (c *connection) tellSettled(ctx context.Context, w *wire) {
	select {
	case <-c.settled:
	case <-ctx.Done():
		return
	}
	address, err := c.address()
	if err != nil {
		_ = w.send(reply{Error: encodeError(err)})
		return
	}
	_ = w.send(reply{Settled: &settled{Address: address, Warnings: encodeAll(c.warned())}})
}

// close ends the connection: the holder removes the link first, if it is its
// own and the network allows it within farewell.
func (c *connection) close() {
	c.mu.Lock()
	h := c.holder
	c.mu.Unlock()
	if h != nil {
		h.quit(farewell)
	}
	c.drop()
	<-c.done
}

// drop ends the connection at once.
func (c *connection) drop() {
	c.mu.Lock()
	c.cancel()
	c.mu.Unlock()
	_ = c.ssh.Close()
}
