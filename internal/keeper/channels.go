package keeper

import (
	"context"

	"golang.org/x/crypto/ssh"

	"github.com/mosha-ssh/mosha/internal/bootstrap"
	"github.com/mosha-ssh/mosha/internal/guard"
	"github.com/mosha-ssh/mosha/internal/sshconn"
)

// maxAgentChannels bounds the agent channels that a server may have open at
// once. Each takes some ten KiB.
const maxAgentChannels = 2048

// forwardAgent asks for agent forwarding in a session, and allows the server to
// open agent channels from then on. A server whose host key is not the known
// one is not asked: it gets no agent (ssh's client does the same).
func (c *connection) forwardAgent(s *session) error {
	if c.ssh.Facts().Unverified {
		return nil
	}
	c.forward.Store(true)
	return s.forwardAgent()
}

// forwarding says what is known of the socket that the server makes for the
// agent.
func (c *connection) forwarding() bootstrap.Forwarding {
	c.k.mu.Lock()
	defer c.k.mu.Unlock()
	return bootstrap.Forwarding{OpenSSH: c.ssh.Facts().OpenSSH, Known: c.remains.agent}
}

// offered serves an agent channel that the server opens, if it was asked to
// forward the agent.
func (c *connection) offered(offer sshconn.AgentOffer) {
	switch {
	case !c.forward.Load():
		offer.Refuse(ssh.UnknownChannelType)
		return
	case c.agents.Add(1) > maxAgentChannels:
		c.agents.Add(-1)
		offer.Refuse(ssh.ResourceShortage)
		return
	}
	channel, err := offer.Accept()
	if err != nil {
		c.agents.Add(-1)
		c.log.Error().Err(err).Msg("agent channel refused")
		return
	}
	c.goWork(func() {
		defer c.agents.Add(-1)
		c.serveAgent(channel)
	})
}

func (c *connection) serveAgent(channel *sshconn.AgentChannel) {
	c.k.used.Store(true)
	ctx, cancel := context.WithCancel(c.ctx)
	defer cancel()
	go func() {
		select {
		case <-channel.Gone:
			cancel()
		case <-ctx.Done():
		}
	}()
	stats, err := c.guard(ctx, channel)
	c.k.usage.add(stats)
	if err != nil && ctx.Err() == nil {
		c.log.Warn().Err(err).Msg("agent channel")
	}
}

func (c *connection) guard(ctx context.Context, channel *sshconn.AgentChannel) (guard.Stats, error) {
	if channel.Bind == nil {
		return guard.ServeMaster(ctx, channel, c.k.dialAgent, c.log)
	}
	return guard.Serve(ctx, channel, c.k.dialAgent, channel.Bind, c.log)
}
