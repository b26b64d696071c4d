package native

import (
	"errors"
	"io"
	"sync"
	"sync/atomic"

	"golang.org/x/crypto/ssh"

	"github.com/mosha-ssh/mosha/internal/sshconn"
	"github.com/mosha-ssh/mosha/internal/sshconn/attempt"
	"github.com/mosha-ssh/mosha/internal/sshconn/dial"
	"github.com/mosha-ssh/mosha/internal/sshconn/hostkey"
)

// Conn is an authenticated connection. It hangs unless somebody drains
// NewChannels and Requests, as Serve does.
type Conn struct {
	ssh.Conn
	NewChannels <-chan ssh.NewChannel
	Requests    <-chan *ssh.Request

	facts   sshconn.Facts
	stream  *attempt.Stream
	updater *hostkey.Updater // nil: UpdateHostKeys does nothing here
	binding *attempt.Binding
	closing atomic.Bool
	probing atomic.Bool // Probe is about to send something
}

// Close ends the connection and its proxy. What is blocked on it returns. It
// may be called more than once and from any goroutine.
func (c *Conn) Close() error {
	c.closing.Store(true)
	return c.stream.Close()
}

// Wait blocks until the connection has ended, and returns why: nil if it was
// closed on either side, *DisconnectError, *HostKeyError (the host key changed
// in a rekey) or a network error.
func (c *Conn) Wait() error {
	err := c.Conn.Wait()
	if c.closing.Load() || errors.Is(err, io.EOF) {
		return nil
	}
	if changed := (*sshconn.HostKeyError)(nil); errors.As(err, &changed) {
		return changed
	}
	if d := disconnect(err); d != nil {
		return d
	}
	return err
}

// SessionBind returns the message, without length field, that binds an agent
// connection to this SSH connection (PROTOCOL.agent, section 1). forwarding
// reports whether the agent is forwarded over it. The error is a *ProtocolError:
// without the server's signature no agent should be forwarded.
func (c *Conn) SessionBind(forwarding bool) ([]byte, error) {
	if c.binding == nil {
		return nil, &sshconn.ProtocolError{Phase: sshconn.PhaseKex, Message: "the server's signature was not found"}
	}
	return c.binding.Message(forwarding), nil
}

// Done is that of Connection.
func (c *Conn) Done() <-chan struct{} { return c.stream.Done() }

// Serve is that of Connection.
func (c *Conn) Serve(agent func(sshconn.AgentOffer), forwarded func(ssh.NewChannel)) {
	var requests sync.WaitGroup
	defer requests.Wait()
	requests.Go(c.serveRequests)
	for offered := range c.NewChannels {
		if offered.ChannelType() == "auth-agent@openssh.com" {
			agent(&offer{conn: c, channel: offered})
			continue
		}
		forwarded(offered) // and refuses what else there may be
	}
}

// RoundTrip sends the server a request that no server knows, and that all
// answer.
func (c *Conn) RoundTrip() error {
	_, _, err := c.SendRequest("keepalive@openssh.com", true, nil)
	return err
}

// Probe is that of Connection. A request that wants no answer has TCP send
// something. It blocks where the server does not end a key exchange, and is then
// the last one.
func (c *Conn) Probe() (confirmed, known bool) {
	confirmed, known = dial.Confirmed(c.stream.Conn)
	if confirmed && c.probing.CompareAndSwap(false, true) {
		go func() {
			defer c.probing.Store(false)
			_, _, _ = c.SendRequest("keepalive@openssh.com", false, nil)
		}()
	}
	return confirmed, known
}

// Facts is that of Connection.
func (c *Conn) Facts() sshconn.Facts { return c.facts }

// offer is an agent channel of the native transport.
type offer struct {
	conn    *Conn
	channel ssh.NewChannel
}

// Accept refuses the channel if there is no binding: the agent would take the
// remote's requests for this machine's own.
func (o *offer) Accept() (*sshconn.AgentChannel, error) {
	bind, err := o.conn.SessionBind(true)
	if err != nil {
		o.Refuse(ssh.Prohibited)
		return nil, err
	}
	channel, requests, err := o.channel.Accept()
	if err != nil {
		return nil, err
	}
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		ssh.DiscardRequests(requests) // until the channel is closed
	}()
	go func() { _, _ = io.Copy(io.Discard, channel.Stderr()) }() // it counts as unread, and nobody has a use for it
	return &sshconn.AgentChannel{ReadWriteCloser: channel, Bind: bind, Gone: gone}, nil
}

// Waits is that of AgentOffer.
func (o *offer) Waits() bool { return true }

// Refuse is that of AgentOffer.
func (o *offer) Refuse(why ssh.RejectionReason) { _ = o.channel.Reject(why, "") }
