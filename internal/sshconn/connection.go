package sshconn

import (
	"context"
	"io"
	"net"
	"net/netip"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/mosha-ssh/mosha/internal/sshconfig"
)

// Connection is an authenticated connection, whichever transport carries it.
// It ends by Close, by the server, or by the loss of its transport.
type Connection interface {
	// OpenChannel opens a channel (RFC 4254, section 5.1). What comes on the
	// channel of requests has to be drained. A server that refuses it is an
	// *ssh.OpenChannelError.
	OpenChannel(kind string, extra []byte) (ssh.Channel, <-chan *ssh.Request, error)
	// RoundTrip asks the server something and returns when it has answered,
	// whatever that is. The error is that of a connection that has ended.
	RoundTrip() error
	// Probe reports whether the server's machine has acknowledged, by TCP, all
	// that was sent so far, and sends a little more for the next time. That its
	// kernel lives says nothing of the server, but its network does. known is
	// false where that cannot be seen, as behind a proxy. It does not block.
	Probe() (confirmed, known bool)
	// Serve hands on every agent channel that the server opens, and sees to
	// all else that the server asks. It returns when the connection has
	// ended and must be called once. agent must not block.
	Serve(agent func(AgentOffer))
	// LocalAddr returns the address that the connection comes from, of the
	// network "proxy" if that is not known.
	LocalAddr() net.Addr
	// Facts returns what is known of the connection.
	Facts() Facts
	// Wait blocks until the connection has ended, and returns why: nil if it
	// was closed on either side.
	Wait() error
	// Close may be called more than once and from any goroutine. What is
	// blocked on the connection returns.
	Close() error
}

// Facts are what is known of a connection from its beginning.
type Facts struct {
	Remote   netip.AddrPort // the server's address, not valid if it was reached through a proxy
	Identity string         // fingerprint (SHA256:...) of the key that was accepted, of a certificate's key; "" if none was needed or it is not known
	Typed    bool           // something that a person typed was needed: who dials again without one is not let in, it may be
	Notes    []Note         // what happened on the way that the user should know
	Choice   Choice         // what carries it
	// HostKey is the server's, or its certificate; nil if none was needed, because
	// the two sides know each other by Kerberos, or if nobody here saw it
	// (sshconfig.Config.Front).
	HostKey ssh.PublicKey
	// Judged is the configuration by which it was accepted.
	Judged *sshconfig.Config
	// Accepted is the host key if a person accepted it, for Options.Accepted.
	Accepted ssh.PublicKey
	// BySSH reports that no file vouches for the host key, and that ssh accepted it
	// by what else it goes by: the DNS, or KnownHostsCommand.
	BySSH bool
	// Unverified says that the host key is not the known one, and was let pass
	// (StrictHostKeyChecking no): the agent must not be forwarded.
	Unverified bool
	OpenSSH    bool // the server is OpenSSH's sshd, as it says itself
	// OneSession says that the server allows one session, ends the connection
	// with it, and answers no request but those of a session: tinysshd.
	OneSession bool
	// Proxied is how long it took to reach the server over a proxy, until its
	// version line came, without what a person was asked meanwhile; 0 where
	// there is no proxy.
	Proxied time.Duration
	// Silent is how long the server said nothing at most when it was its turn,
	// until authentication was over.
	Silent time.Duration
}

// AgentOffer is an agent channel that the server wants to open. It must be
// accepted or refused.
type AgentOffer interface {
	Accept() (*AgentChannel, error)
	Refuse(why ssh.RejectionReason)
	// Waits reports whether that may take its time. If not, the other side is
	// OpenSSH's own ssh, which does nothing else until the channel was accepted
	// and the message that it begins with was answered.
	Waits() bool
}

// AgentChannel is a channel on which the other side talks to the agent.
type AgentChannel struct {
	io.ReadWriteCloser
	// Bind is the session-bind message (PROTOCOL.agent, section 1), without
	// length field, that the agent is to get first; nil if the channel itself
	// begins with it, from OpenSSH's own ssh.
	Bind []byte
	// Gone is closed when the other side has closed the channel, too; nil if
	// that does not matter.
	Gone <-chan struct{}
}

// forgetPeriod is how often what the other side sends on a channel that is
// closed here is forgotten.
const forgetPeriod = 5 * time.Second

// Forget waits until the other side has closed a channel that is closed here,
// or ctx ends: until then the channel takes up room, and memory for what the other
// side may still send.
func (c *AgentChannel) Forget(ctx context.Context) {
	if c.Gone == nil {
		return
	}
	tick := time.NewTicker(forgetPeriod)
	defer tick.Stop()
	for {
		select {
		case <-c.Gone:
			return
		case <-ctx.Done():
			return
		case <-tick.C:
			_, _ = io.Copy(io.Discard, c) // it ends at the end of the stream, behind which more may come
		}
	}
}
