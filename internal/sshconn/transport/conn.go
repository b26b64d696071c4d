package transport

import (
	"errors"
	"io"
	"net/netip"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/mosha-ssh/mosha/internal/sshconfig"
	"github.com/mosha-ssh/mosha/internal/sshconn"
	"github.com/mosha-ssh/mosha/internal/sshconn/hostkey"
)

// Conn is an authenticated connection. NewChannels and Requests must be drained
// until they are closed, or the connection hangs. It is closed with Close, by
// the server, or by the loss of its transport; Wait then returns.
type Conn struct {
	ssh.Conn
	NewChannels <-chan ssh.NewChannel
	Requests    <-chan *ssh.Request

	Remote   netip.AddrPort // the server's address, not valid if it was reached through a proxy
	Identity string         // fingerprint (SHA256:...) of the key that was accepted, of a certificate's key; "" if none was needed
	Typed    bool           // something that a person typed was needed: who dials again without one is not let in, it may be
	Notes    []sshconn.Note // what happened on the way that the user should know

	// Accepted is the host key if a person accepted it, on this connection or
	// an earlier one.
	Accepted ssh.PublicKey
	// Unverified says that the host key is not the known one: the agent must
	// not be forwarded.
	Unverified bool

	hostKey   ssh.PublicKey
	judged    *sshconfig.Config // Facts.Judged
	updater   *hostkey.Updater  // nil: UpdateHostKeys does nothing here
	transport *transport
	proxied   time.Duration // Facts.Proxied
	silent    time.Duration // Facts.Silent
	binding   *binding
	closing   atomic.Bool
	probing   atomic.Bool // Probe is about to send something
}

// Close ends the connection and its proxy. What is blocked on it returns. It
// may be called more than once and from any goroutine.
func (c *Conn) Close() error {
	c.closing.Store(true)
	return c.transport.Close()
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
	return append([]byte{agentcExtension}, c.binding.extension(forwarding)...), nil
}
