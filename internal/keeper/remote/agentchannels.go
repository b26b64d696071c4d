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

// agentChannels are the agent agentChannels of one connection.
type agentChannels struct {
	c *Connection

	allowed atomic.Bool  // agent forwarding was asked for
	open    atomic.Int32 // or to be
	door    *guard.Door  // of those that are served
}

// forward asks for agent forwarding in a session (draft-ietf-secsh-agent), and
// allows the server to open agent channels from then on. Whether the server
// agrees shows in the session's environment. A server whose host key is not the
// known one is not asked: it gets no agent (ssh's client does the same).
func (a *agentChannels) forward(s *Session) error {
	if a.c.ssh.Facts().Unverified {
		return nil
	}
	a.allowed.Store(true)
	return s.request("auth-agent-req@openssh.com", nil)
}

// offered serves an agent channel that the server opens, if it was asked to
// forward the agent.
func (a *agentChannels) offered(offer sshconn.AgentOffer) {
	switch {
	case !a.allowed.Load():
		offer.Refuse(ssh.UnknownChannelType)
		return
	case a.open.Add(1) > maxAgentChannels:
		a.open.Add(-1)
		offer.Refuse(ssh.ResourceShortage)
		return
	}
	a.c.goes(func() {
		defer a.open.Add(-1)
		if err := a.admit(offer); err != nil && !errors.Is(err, io.EOF) && !a.c.Over() {
			a.c.Guard.Warn("agent channel refused", err)
		}
	})
}

// errNoPlace reports that the agent channels that are open take all places.
var errNoPlace = errors.New("too many agent channels are open")

// admit waits until there is a place for the channel, and serves it. A channel
// of SSH is accepted only then, since what the server sends from that moment on
// has to be kept in memory; one of ssh's begins before, since ssh waits for it.
func (a *agentChannels) admit(offer sshconn.AgentOffer) error {
	greeted := !offer.Waits()
	var channel *sshconn.AgentChannel
	if greeted {
		var err error
		if channel, err = a.greet(offer); err != nil {
			return err
		}
	}
	if !a.door.Enter(a.c.ctx) {
		if greeted {
			return errors.Join(errNoPlace, channel.Close())
		}
		offer.Refuse(ssh.ResourceShortage)
		return errNoPlace
	}
	defer a.door.Leave()
	if !greeted {
		var err error
		if channel, err = offer.Accept(); err != nil {
			return err
		}
	}
	a.serve(channel)
	channel.Forget(a.c.ctx)
	return nil
}

// greet accepts a channel that begins with session-bind.
func (a *agentChannels) greet(offer sshconn.AgentOffer) (*sshconn.AgentChannel, error) {
	channel, err := offer.Accept()
	if err != nil {
		return nil, err
	}
	bind, rest, err := guard.Greet(a.c.ctx, channel)
	if err != nil {
		return nil, errors.Join(err, channel.Close())
	}
	return &sshconn.AgentChannel{ReadWriteCloser: rest, Bind: bind}, nil
}

func (a *agentChannels) serve(channel *sshconn.AgentChannel) {
	a.c.owner.Used()
	defer a.c.owner.Used()
	ctx, cancel := context.WithCancel(a.c.ctx)
	defer cancel()
	go func() {
		select {
		case <-channel.Gone:
			cancel()
		case <-ctx.Done():
		}
	}()
	_ = a.c.Guard.Serve(ctx, channel, channel.Bind) // it logs the error
}
