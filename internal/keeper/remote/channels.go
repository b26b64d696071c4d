package remote

import (
	"context"
	"errors"
	"io"
	"sync/atomic"

	"golang.org/x/crypto/ssh"

	"github.com/mosha-ssh/mosha/internal/guard"
	"github.com/mosha-ssh/mosha/internal/sshconn"
)

// maxAgentChannels bounds the agent channels that a server may have at once:
// those that are served and those that wait for that. One that waits takes a
// few KiB, and a descriptor where OpenSSH carries the connection.
const maxAgentChannels = guard.MaxChannels + 1024

// channels are the agent channels of one connection.
type channels struct {
	allowed atomic.Bool  // agent forwarding was asked for
	open    atomic.Int32 // or to be
	door    guard.Door   // of those that are served
}

// forwardAgent asks for agent forwarding in a session, and allows the server to
// open agent channels from then on. A server whose host key is not the known
// one is not asked: it gets no agent (ssh's client does the same).
func (c *Connection) forwardAgent(s *Session) error {
	if c.ssh.Facts().Unverified {
		return nil
	}
	c.channels.allowed.Store(true)
	return s.forwardAgent()
}

// offered serves an agent channel that the server opens, if it was asked to
// forward the agent.
func (c *Connection) offered(offer sshconn.AgentOffer) {
	switch {
	case !c.channels.allowed.Load():
		offer.Refuse(ssh.UnknownChannelType)
		return
	case c.channels.open.Add(1) > maxAgentChannels:
		c.channels.open.Add(-1)
		offer.Refuse(ssh.ResourceShortage)
		return
	}
	c.goWork(func() {
		defer c.channels.open.Add(-1)
		if err := c.admit(offer); err != nil && !errors.Is(err, io.EOF) && c.ctx.Err() == nil {
			c.Guard.Warn("agent channel refused", err)
		}
	})
}

// errNoPlace says that the agent channels that are open take all places.
var errNoPlace = errors.New("too many agent channels are open")

// admit waits until there is a place for the channel, and serves it. A channel
// of SSH is accepted only then, since what the server sends from that moment on
// has to be kept in memory; one of ssh's begins before, since ssh waits for it.
func (c *Connection) admit(offer sshconn.AgentOffer) error {
	greeted := !offer.Waits()
	var channel *sshconn.AgentChannel
	if greeted {
		var err error
		if channel, err = c.greet(offer); err != nil {
			return err
		}
	}
	if !c.channels.door.Enter(c.ctx) {
		if greeted {
			return errors.Join(errNoPlace, channel.Close())
		}
		offer.Refuse(ssh.ResourceShortage)
		return errNoPlace
	}
	defer c.channels.door.Leave()
	if !greeted {
		var err error
		if channel, err = offer.Accept(); err != nil {
			return err
		}
	}
	c.serveAgent(channel)
	channel.Forget(c.ctx)
	return nil
}

// greet accepts a channel that begins with session-bind.
func (c *Connection) greet(offer sshconn.AgentOffer) (*sshconn.AgentChannel, error) {
	channel, err := offer.Accept()
	if err != nil {
		return nil, err
	}
	bind, rest, err := guard.Greet(c.ctx, channel)
	if err != nil {
		return nil, errors.Join(err, channel.Close())
	}
	return &sshconn.AgentChannel{ReadWriteCloser: rest, Bind: bind}, nil
}

func (c *Connection) serveAgent(channel *sshconn.AgentChannel) {
	c.owner.Used()
	defer c.owner.Used()
	ctx, cancel := context.WithCancel(c.ctx)
	defer cancel()
	go func() {
		select {
		case <-channel.Gone:
			cancel()
		case <-ctx.Done():
		}
	}()
	stats, _ := c.Guard.Serve(ctx, channel, channel.Bind)
	c.owner.Asked(stats)
}
