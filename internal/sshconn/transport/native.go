package transport

import (
	"io"
	"sync"

	"golang.org/x/crypto/ssh"

	"github.com/mosha-ssh/mosha/internal/sshconn"
	"github.com/mosha-ssh/mosha/internal/sshconn/dial"
)

// Serve is that of Connection.
func (c *Conn) Serve(agent func(sshconn.AgentOffer)) {
	var requests sync.WaitGroup
	defer requests.Wait()
	requests.Go(c.serveRequests)
	for offered := range c.NewChannels {
		if offered.ChannelType() != "auth-agent@openssh.com" {
			_ = offered.Reject(ssh.UnknownChannelType, "not served here")
			continue
		}
		agent(&nativeOffer{conn: c, channel: offered})
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

// nativeOffer is an agent channel of the native transport.
type nativeOffer struct {
	conn    *Conn
	channel ssh.NewChannel
}

// Accept refuses the channel where the agent cannot be told whose it is: it
// would take the remote's requests for this machine's own.
func (o *nativeOffer) Accept() (*sshconn.AgentChannel, error) {
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
func (o *nativeOffer) Waits() bool { return true }

// Refuse is that of AgentOffer.
func (o *nativeOffer) Refuse(why ssh.RejectionReason) { _ = o.channel.Reject(why, "") }
