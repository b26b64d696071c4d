package keeper

import (
	"context"
	"sync/atomic"

	"golang.org/x/crypto/ssh"

	"github.com/mosha-ssh/mosha/internal/guard"
)

// maxAgentChannels bounds the agent channels that a server may have open at
// once. Each takes some ten KiB.
const maxAgentChannels = 2048

// acceptChannels serves the agent channels that the server opens, if it was
// asked to forward the agent, and refuses all others.
func (c *connection) acceptChannels() {
	var agents atomic.Int32
	for offered := range c.ssh.NewChannels {
		switch {
		case offered.ChannelType() != "auth-agent@openssh.com" || !c.forward.Load():
			_ = offered.Reject(ssh.UnknownChannelType, "not served here")
			continue
		case agents.Load() >= maxAgentChannels:
			_ = offered.Reject(ssh.ResourceShortage, "too many agent channels")
			continue
		}
		channel, requests, err := offered.Accept()
		if err != nil {
			continue
		}
		ctx, cancel := context.WithCancel(c.ctx)
		go func() {
			ssh.DiscardRequests(requests) // until the channel is closed
			cancel()
		}()
		agents.Add(1)
		c.goWork(func() {
			defer agents.Add(-1)
			c.serveAgent(ctx, channel)
		})
	}
}

func (c *connection) serveAgent(ctx context.Context, channel ssh.Channel) {
	bind, err := c.ssh.SessionBind(true)
	if err != nil {
		// An agent that is not told so would take the remote's requests for this machine's own.
		c.log.Error().Err(err).Msg("agent channel refused")
		_ = channel.Close()
		return
	}
	stats, err := guard.Serve(ctx, channel, c.k.dialAgent, bind, c.log)
	c.k.usage.add(stats)
	if err != nil && ctx.Err() == nil {
		c.log.Warn().Err(err).Msg("agent channel")
	}
}
