package transport

import (
	"errors"
	"io"
	"sync/atomic"

	"golang.org/x/crypto/ssh"

	"github.com/mosha-ssh/mosha/internal/sshconn"
	"github.com/mosha-ssh/mosha/internal/sshconn/attempt"
	"github.com/mosha-ssh/mosha/internal/sshconn/hostkey"
)

// Conn is an authenticated connection. NewChannels and Requests must be drained
// until they are closed, or the connection hangs. It is closed with Close, by
// the server, or by the loss of its transport; Wait then returns.
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
// connection to this SSH connection (PROTOCOL.agent, section 1). forwarding says
// that the agent is forwarded over it. The error is a *ProtocolError: the server's
// signature was not seen, and no agent should be forwarded.
func (c *Conn) SessionBind(forwarding bool) ([]byte, error) {
	if c.binding == nil {
		return nil, &sshconn.ProtocolError{Phase: sshconn.PhaseKex, Message: "the server's signature was not found"}
	}
	return c.binding.Message(forwarding), nil
}
