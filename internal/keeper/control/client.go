package control

import (
	"context"
	"errors"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mosha-ssh/mosha/internal/keeper/rundir"
	"github.com/mosha-ssh/mosha/internal/secret"
	"github.com/mosha-ssh/mosha/internal/sshconn"
	"github.com/mosha-ssh/mosha/internal/tunnel"
)

// Client is a launcher's conversation with a keeper. It serves one request and
// is then closed, but for an attach, which may be followed by a lease.
type Client struct {
	w *wire
	// stop ends the watch over the context that closes the conversation.
	stop func() bool
	log  string // path of the keeper's log
}

// ErrGone reports that the keeper went away in the middle of a conversation:
// it was ending, or it died.
var ErrGone = errors.New("the keeper went away")

// Connect reaches the keeper with this id. Where none listens, the error is
// ErrNoKeeper, and where so many clients wait that no more may, a
// *SilentError. The conversation ends with ctx.
func Connect(ctx context.Context, dirs rundir.Dirs, id string) (*Client, error) {
	conn, err := dialSocket(ctx, dirs.Of(id).Socket())
	if errors.Is(err, unix.EAGAIN) {
		return nil, &SilentError{Log: dirs.Log(id)}
	}
	if err != nil {
		return nil, ErrNoKeeper
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	return &Client{w: newWire(conn), stop: stop, log: dirs.Log(id)}, nil
}

// ErrNoKeeper reports that no keeper listens for a destination.
var ErrNoKeeper = errors.New("no keeper runs for this destination")

// dialRest is how long dialSocket waits when the queue for a place is full.
const dialRest = 10 * time.Millisecond

// dialSocket connects to a keeper's socket. That never blocks; where the queue
// for a place is full, the system says EAGAIN, and it is tried again until
// patience or ctx ends.
func dialSocket(ctx context.Context, path string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		conn, err := net.Dial("unix", path)
		if !errors.Is(err, unix.EAGAIN) {
			return conn, err
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(dialRest):
		}
	}
}

// Close ends the conversation.
func (c *Client) Close() {
	c.stop()
	_ = c.w.Close()
}

// say sends the first line of a conversation.
func (c *Client) say(what Call) error {
	what.Version = protocolVersion
	err := c.w.send(what)
	if err != nil && !errors.Is(err, errLineTooLong) {
		return ErrGone
	}
	return err
}

// hear receives the next line. An error that the keeper reports comes as that
// error, with its type; one that took too long is a *SilentError.
func (c *Client) hear() (reply, error) {
	var r reply
	err := c.w.receiveUpTo(maxReply, &r)
	switch {
	case err == nil:
		return r, r.Error.decode()
	case errors.Is(err, os.ErrDeadlineExceeded):
		return r, &SilentError{Log: c.log}
	case errors.Is(err, errLineTooLong):
		return r, err
	}
	return r, ErrGone
}

// Attach waits until the connection is up. The keeper's questions are put to
// person. What fails the connection is returned as the error that package
// sshconn gave. A keeper that sends nothing at all within patience is a
// *SilentError.
func (c *Client) Attach(a Attach, person Person) (*Connected, error) {
	defer secret.Hold()()
	err := c.say(Call{Op: OpAttach, Attach: &a})
	if errors.Is(err, errLineTooLong) { // nothing was sent
		a.Env = nil
		err = c.say(Call{Op: OpAttach, Attach: &a})
	}
	if err != nil {
		return nil, err
	}
	_ = c.w.conn.SetReadDeadline(time.Now().Add(patience))
	next := c.listen()
	for {
		said := <-next
		_ = c.w.conn.SetReadDeadline(time.Time{}) // it lives
		r, err := said.reply, said.err
		switch {
		case err != nil:
			return nil, err
		case r.Up != nil:
			return r.Up, nil
		}
		next = c.listen()
		if r.Tell != nil {
			person.Tell(*r.Tell)
		}
		if r.Ask == nil {
			continue
		}
		if next, err = c.consult(person, r, next); err != nil {
			return nil, err
		}
	}
}

// heard is what hear returned.
type heard struct {
	reply reply
	err   error
}

// listen hears the next line in the background.
func (c *Client) listen() chan heard {
	next := make(chan heard, 1)
	go func() {
		r, err := c.hear()
		next <- heard{r, err}
	}()
	return next
}

// consult puts a question to the person and sends the answer. If the keeper
// sends something meanwhile, the question is void. It returns where the
// keeper's next line comes.
func (c *Client) consult(person Person, r reply, next chan heard) (chan heard, error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	answered := make(chan answer, 1)
	go func() {
		secrets, err := person.Answer(ctx, *r.Ask)
		answered <- answer{Number: r.Number, OK: err == nil, secrets: secrets}
	}()
	select {
	case got := <-answered:
		return next, got.send(c.w)
	case said := <-next:
		cancel()
		got := <-answered
		sshconn.Wipe(got.secrets)
		again := make(chan heard, 1)
		again <- said
		return again, nil
	}
}

// Lease makes the keeper count the session that holds the lease id, within an
// attach.
func (c *Client) Lease(id string) error {
	if err := c.say(Call{Op: OpLease, Lease: id}); err != nil {
		return err
	}
	_, err := c.hear()
	return err
}

// Keep makes the keeper stay until it is stopped, within an attach. It returns
// when the remote is ready for use.
func (c *Client) Keep() (Ready, error) {
	if err := c.say(Call{Op: OpKeep}); err != nil {
		return Ready{}, err
	}
	r, err := c.hear()
	if err != nil || r.Settled == nil {
		return Ready{}, err
	}
	return *r.Settled, nil
}

// Follower follows the start of mosh-server. Its functions are called from
// Start, one at a time; Done is asked after each and ends Start early.
type Follower struct {
	Output  func([]byte)      // what the start prints
	Waiting func(kind string) // it takes long; the kind is sshconn.NoticeSession or NoticeRoom
	Settled func(Ready)
	Done    func() bool
}

// Start has mosh-server started. It returns 0 when to.Done is true, else the
// start's exit code.
func (c *Client) Start(s Start, to Follower) (code int, err error) {
	if err := c.say(Call{Op: OpStart, Start: &s}); err != nil {
		return -1, err
	}
	for !to.Done() {
		r, err := c.hear()
		switch {
		case err != nil:
			return -1, err
		case r.Exit != nil:
			return *r.Exit, nil
		case r.Tell != nil:
			if to.Waiting != nil {
				to.Waiting(r.Tell.Kind)
			}
		case r.Settled != nil:
			to.Settled(*r.Settled)
		case r.Output != nil:
			to.Output(r.Output)
		}
	}
	return 0, nil
}

// Setup has the remote set up, or with undo that taken back, and reports what
// changed there, a row a file; with preview, what would change, with a diff,
// and nothing is written. It is not taken back while sessions use the remote:
// that is a *BusyError.
func (c *Client) Setup(undo, preview bool) (*SetupReport, error) {
	op := OpSetup
	switch {
	case undo && preview:
		op = OpTryUn
	case undo:
		op = OpUnset
	case preview:
		op = OpTry
	}
	r, err := c.once(op)
	if err == nil && r.Report == nil {
		err = ErrGone
	}
	return r.Report, err
}

// Tunnel adds tunnels to those of the keeper, and returns how they are.
func (c *Client) Tunnel(add []tunnel.Request) ([]Tunnel, error) {
	if err := c.say(Call{Op: OpTunnel, Tunnels: add}); err != nil {
		return nil, err
	}
	r, err := c.hear()
	return r.Tunnels, err
}

// Cancel ends tunnels of the keeper. One that it has not is a *NoTunnelError.
func (c *Client) Cancel(end []tunnel.Request) error {
	if err := c.say(Call{Op: OpCancel, Tunnels: end}); err != nil {
		return err
	}
	_, err := c.hear()
	return err
}

// end makes the keeper end its connection and itself, and returns when it is gone.
func (c *Client) end() error {
	if _, err := c.once(OpStop); err != nil {
		return err
	}
	for { // the socket closes with the process
		if _, err := c.hear(); err != nil {
			return nil
		}
	}
}

func (c *Client) once(op string) (reply, error) {
	if err := c.say(Call{Op: op}); err != nil {
		return reply{}, err
	}
	return c.hear()
}
