package remote

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/crypto/ssh"

	"github.com/mosha-ssh/mosha/internal/guard"
	"github.com/mosha-ssh/mosha/internal/keeper/control"
	"github.com/mosha-ssh/mosha/internal/link"
	"github.com/mosha-ssh/mosha/internal/remotesh"
	"github.com/mosha-ssh/mosha/internal/sshconfig"
	"github.com/mosha-ssh/mosha/internal/sshconn"
)

// farewell is how long a clean end waits for the remote to remove the link.
const farewell = time.Second

// Owner is the keeper, as a connection needs it. A connection calls its methods
// without a lock of its own.
type Owner interface {
	// Answered takes the time from the login to the server's first answer: only
	// with that the connection is known to work.
	Answered(c *Connection, took time.Duration)
	// Measured takes the round trip time, with each answer.
	Measured(roundTrip time.Duration)
	// Changed is called when the connection is in doubt, or no longer.
	Changed()
	// Ended takes why the connection ended, nil if that is not known.
	Ended(why error)
	// Used is called when the connection takes memory, and when it frees it.
	Used()
}

// Options is what a connection is made with.
type Options struct {
	Config *sshconfig.Config
	Log    zerolog.Logger
	Guard  *guard.Guard  // serves the agent channels
	Claims *link.Claims  // for the link holder
	First  time.Duration // what the first answer took on the connection before, 0: not known
	// Forwarded serves the channels for the listeners that the server was asked
	// for.
	Forwarded func(over sshconn.Connection, offer ssh.NewChannel)
}

// Connection is one SSH connection while it lasts. It ends once, by Close, by
// Drop or by itself, and Done is closed when nothing of it runs any more.
type Connection struct {
	Options
	ssh   sshconn.Connection
	owner Owner

	*work
	*life
	sessions *sessions
	holding  *holding
	setup    *setup
	channels *agentChannels

	done  chan struct{}
	noted atomic.Bool // a launcher was told of what happened while connecting
}

// work is what runs on a connection, until that ends.
type work struct {
	ctx    context.Context // ends with the connection
	cancel context.CancelFunc

	mu    sync.Mutex
	group sync.WaitGroup // nothing begins once ctx has ended
}

// goes runs f as part of the connection, unless that is ending already.
func (w *work) goes(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ctx.Err() == nil {
		w.group.Go(f)
	}
}

// cease lets nothing begin any more, and ends what runs.
func (w *work) cease() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cancel()
}

// Over reports whether the connection has ended, or is about to.
func (w *work) Over() bool { return w.ctx.Err() != nil }

// New takes over an SSH connection and begins to serve its channels.
func New(conn sshconn.Connection, owner Owner, options Options) *Connection {
	owner.Used()
	c := &Connection{Options: options, ssh: conn, owner: owner, work: &work{}, done: make(chan struct{})}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.life = newLife(c)
	c.sessions = newSessions(c)
	c.holding = newHolding(c)
	c.setup = &setup{c: c}
	c.channels = &agentChannels{c: c, door: guard.NewDoor()}
	c.goes(func() {
		conn.Serve(c.channels.offered, func(offer ssh.NewChannel) { c.Forwarded(conn, offer) })
	})
	c.beats()
	go c.end()
	return c
}

// Facts returns what is known of how the connection was made.
func (c *Connection) Facts() sshconn.Facts { return c.ssh.Facts() }

// SSH returns the connection itself, for what is forwarded over it.
func (c *Connection) SSH() sshconn.Connection { return c.ssh }

// Done is closed when nothing of the connection runs any more.
func (c *Connection) Done() <-chan struct{} { return c.done }

// end waits until the connection is gone and everything on it has ended.
func (c *Connection) end() {
	err := c.ssh.Wait()
	if changed := (*sshconn.HostKeyError)(nil); errors.As(err, &changed) { // in a rekey
		c.Log.Error().Err(changed).Str("fingerprint", changed.Fingerprint).Msg("connection ended: somebody may be listening in")
	} else {
		c.Log.Debug().Err(err).Msg("connection ended")
	}
	c.Drop()
	c.ends(err)
	c.owner.Ended(err)
	c.group.Wait()
	c.owner.Used() // what it took is free now
	close(c.done)
}

// Address returns where mosh-server is to be reached: the address that this
// side connected to or, behind a proxy, the one that the server reports, with
// beyond set. It is empty where the server did not, or not yet.
func (c *Connection) Address() (address string, beyond *control.Beyond) {
	if addr := c.ssh.Facts().Remote; addr.IsValid() {
		return addr.Addr().Unmap().String(), nil
	}
	ends := c.holding.seen()
	server := ends.Server.Addr().Unmap()
	if !server.IsValid() {
		return "", nil
	}
	return server.String(), &control.Beyond{Client: ends.Client, Server: server}
}

// Forwarding returns what is known of the socket that the server makes for the
// agent.
func (c *Connection) Forwarding() remotesh.Forwarding {
	return remotesh.Forwarding{OpenSSH: c.ssh.Facts().OpenSSH, Known: c.holding.socket()}
}

// News returns what happened while connecting. What it took of a person, and
// what was written down, is told once: whoever attaches later has nothing to do
// with it.
func (c *Connection) News() []sshconn.Note {
	told := c.noted.Swap(true)
	return slices.DeleteFunc(slices.Clone(c.ssh.Facts().Notes), func(n sshconn.Note) bool {
		return told && (n.Kind == sshconn.NoteTyped || n.Kind == sshconn.NoteAdded)
	})
}

// Close ends the connection: the holder removes the link first, if it is its
// own and the network allows it within farewell.
func (c *Connection) Close() {
	c.holding.quit()
	c.Drop()
	<-c.done
}

// Drop ends the connection at once.
func (c *Connection) Drop() {
	c.cease()
	_ = c.ssh.Close()
}

func isClosed(done <-chan struct{}) bool {
	select {
	case <-done:
		return true
	default:
		return false
	}
}
