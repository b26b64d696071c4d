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
	// OpenChannel opens a channel (RFC 4254, section 5.1). The caller drains the
	// channel of requests. If the server refuses, the error is an
	// *ssh.OpenChannelError.
	OpenChannel(kind string, extra []byte) (ssh.Channel, <-chan *ssh.Request, error)
	// SendRequest asks the server to listen for connections, or no longer: the
	// requests of RFC 4254, section 7.1, and PROTOCOL, section 2.4. Over OpenSSH
	// there are no others.
	SendRequest(name string, wantReply bool, payload []byte) (granted bool, answer []byte, err error)
	// Done is closed when nothing more comes from the server, before the
	// streams of its channels end.
	Done() <-chan struct{}
	// RoundTrip asks the server something and returns when it has answered,
	// whatever the answer. It fails once the connection has ended.
	RoundTrip() error
	// Probe reports whether the server's machine has acknowledged, by TCP, all
	// that was sent so far, and sends a little more for the next time. It tells
	// of the network and of that machine's kernel, not of the server. known is
	// false where nobody can see that, as behind a proxy. It does not block.
	Probe() (confirmed, known bool)
	// Serve calls agent for every agent channel that the server opens, and
	// forwarded for every other, which refuses what nobody has asked for; it
	// answers all else that the server asks. It returns when the connection has
	// ended. It must be called once, and neither may block.
	Serve(agent func(AgentOffer), forwarded func(ssh.NewChannel))
	// LocalAddr returns the address that the connection comes from. Its network
	// is "proxy" if nobody here knows that address.
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
	// HostKey is the server's key or certificate. It is nil if Kerberos proved
	// both sides, and if ssh connected by itself (sshconfig.Config.Front).
	HostKey ssh.PublicKey
	// Judged is the configuration by which HostKey was accepted.
	Judged *sshconfig.Config
	// RevokedLists is a digest of the files of RevokedHostKeys as they were
	// when ssh judged HostKey; "" if there is none, or they could not be read.
	RevokedLists string
	// Accepted is the host key if a person accepted it, for Options.Accepted.
	Accepted ssh.PublicKey
	// BySSH reports that no file vouches for the host key, and that ssh
	// accepted it by what else it goes by: the DNS, or KnownHostsCommand.
	BySSH bool
	// Unverified reports whether the host key is another than the known one
	// (StrictHostKeyChecking no). The agent must not be forwarded then.
	Unverified bool
	OpenSSH    bool // the server is OpenSSH's sshd, as it says itself
	// OneSession reports whether the server allows one session only, ends the
	// connection with it, and answers nothing else: tinysshd.
	OneSession bool
	// Proxied is how long a proxy took to reach the server: until its version
	// line came, without the time of questions to a person. 0 without a proxy.
	Proxied time.Duration
	// Silent is the server's longest silence when it was its turn, until
	// authentication was over.
	Silent time.Duration
}

// AgentOffer is an agent channel that the server wants to open. It must be
// accepted or refused.
type AgentOffer interface {
	Accept() (*AgentChannel, error)
	Refuse(why ssh.RejectionReason)
	// Waits reports whether the other side can wait for that. OpenSSH's own ssh
	// cannot: it does nothing else until somebody has accepted the channel and
	// answered its first message.
	Waits() bool
}

// AgentChannel is a channel on which the other side talks to the agent.
type AgentChannel struct {
	io.ReadWriteCloser
	// Bind is the session-bind message (PROTOCOL.agent, section 1), without
	// length field, for the agent to get first. It is nil if the channel itself
	// begins with one, as those of OpenSSH's own ssh do.
	Bind []byte
	// Gone is closed when the other side has closed the channel, too. It is nil
	// where that does not matter.
	Gone <-chan struct{}
}

// forgetPeriod is how often Forget throws away what has come.
const forgetPeriod = 5 * time.Second

// Forget waits until the other side, too, has closed the channel, or until ctx
// ends. Meanwhile it throws away what the other side still sends.
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
