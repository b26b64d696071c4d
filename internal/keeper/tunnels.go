package keeper

import (
	"context"
	"io"
	"slices"
	"time"

	"al.essio.dev/pkg/shellescape"

	"github.com/mosha-ssh/mosha/internal/keeper/control"
	"github.com/mosha-ssh/mosha/internal/keeper/memory"
	"github.com/mosha-ssh/mosha/internal/remotesh"
	"github.com/mosha-ssh/mosha/internal/sshconfig"
	"github.com/mosha-ssh/mosha/internal/text"
	"github.com/mosha-ssh/mosha/internal/tunnel"
)

// tunnelPatience is how long a client waits to hear how its tunnels are: the
// server's answer takes a round trip.
const tunnelPatience = 5 * time.Second

// forwardLocked gives the tunnels the connection while it is up, and takes it
// back when it is in doubt or gone. As with ssh nothing is forwarded over one
// whose host key is not the known one.
func (k *Keeper) forwardLocked() {
	if k.state == control.Up && k.conn != nil && !k.conn.Facts().Unverified {
		k.tunnels.Use(k.conn.SSH())
		return
	}
	k.tunnels.Use(nil)
}

// carries notes that the tunnels take memory.
func (k *Keeper) carries() {
	memory.Work()
	k.uses.Note()
}

// unlinkPatience bounds the removal of a socket on the server.
const unlinkPatience = 10 * time.Second

// unlink removes a socket on the server that an earlier connection has left there,
// if nobody listens on it.
func (k *Keeper) unlink(ctx context.Context, over tunnel.Opener, path string) {
	k.mu.Lock()
	conn := k.conn
	k.mu.Unlock()
	if conn == nil || tunnel.Opener(conn.SSH()) != over {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, unlinkPatience)
	defer cancel()
	shell, err := conn.Shell(ctx)
	if err != nil {
		k.log.Debug().Err(err).Msg("the socket of a tunnel is not removed")
		return
	}
	defer shell.Close()
	defer context.AfterFunc(ctx, func() { _ = shell.Close() })()
	if remotesh.Begin(shell, []byte(remotesh.Opening+unlinkScript(path))) == nil {
		_, _ = io.Copy(io.Discard, io.LimitReader(shell, maxUnlinkOutput))
	}
}

// unlinkScript is a script that removes a socket if nobody listens on it. The
// system has a list of the sockets in use, which without /proc netstat prints.
// Where it has none the script removes nothing.
func unlinkScript(path string) string {
	return "at=" + shellescape.Quote(path) + `
[ -S "$at" ] && [ ! -L "$at" ] || exit 0
used=$(cat /proc/net/unix 2>/dev/null || netstat -an -f unix 2>/dev/null) && [ "$used" ] || exit 0
real=$(cd -- "${at%/*}/" && pwd -P)/${at##*/}
case $used in
*" $at"*|*" $real"*) ;;
*) rm -f -- "$at" ;;
esac
exit 0
`
}

// maxUnlinkOutput bounds what is read of what start-up files print there, in bytes.
const maxUnlinkOutput = 64 << 10

// forwardConfigured adds the tunnels of a launch's configuration. Where
// ExitOnForwardFailure says so, one that fails is an error, and none is added.
func (s service) forwardConfigured(ctx context.Context, config *sshconfig.Config) ([]control.Tunnel, error) {
	if config == nil {
		return nil, nil
	}
	made, tunnels := s.forward(ctx, control.Tunnels(config))
	failed := slices.IndexFunc(tunnels, func(t control.Tunnel) bool {
		return t.State == string(tunnel.Failed) || t.Problem == problemUnverified
	})
	if failed < 0 || !config.Forwarding.ExitOnFailure {
		return tunnels, nil
	}
	for _, spec := range made {
		_ = s.tunnels.Cancel(spec)
	}
	s.saveOrLog()
	return nil, &control.TunnelError{Option: tunnels[failed].Option, Problem: tunnels[failed].Problem}
}

// forward adds tunnels, and returns those that were not there before, and how all
// of them are.
func (s service) forward(ctx context.Context, requests []tunnel.Request) (made []tunnel.Spec, tunnels []control.Tunnel) {
	if len(requests) == 0 {
		return nil, nil
	}
	made = s.tunnels.Begin(requests...)
	if !s.isUnverified() {
		ctx, cancel := context.WithTimeout(ctx, tunnelPatience)
		defer cancel()
		s.tunnels.Add(ctx, requests...)
	}
	s.saveOrLog()
	return made, s.described(requests)
}

// isUnverified reports whether the connection's host key is not the known one.
func (k *Keeper) isUnverified() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.conn != nil && k.conn.Facts().Unverified
}

// problemUnverified is what is wrong with each tunnel then.
const problemUnverified = "nothing is forwarded over this connection: its host key is not the known one"

func has(requests []tunnel.Request, spec tunnel.Spec) bool {
	for _, r := range requests {
		if r.Spec == spec {
			return true
		}
	}
	return false
}

// described returns how those of the tunnels are that were asked for.
func (s service) described(requests []tunnel.Request) []control.Tunnel {
	var those []tunnel.Status
	for _, status := range s.tunnels.Status() {
		if has(requests, status.Spec) {
			those = append(those, status)
		}
	}
	return told(those, s.isUnverified())
}

// told makes what a client is told of tunnels.
func told(all []tunnel.Status, unverified bool) []control.Tunnel {
	var each []control.Tunnel
	for _, s := range all {
		one := control.Tunnel{Option: s.Flag(), State: string(s.State), Port: s.Port, Open: s.Open, Total: s.Total, Sent: s.Sent, Received: s.Received}
		switch {
		case unverified:
			one.Problem = problemUnverified
		case s.Problem != nil:
			one.Problem = text.Cut(s.Problem.Error(), maxProblem)
		}
		each = append(each, one)
	}
	return each
}

// addTunnels adds tunnels for a client.
func (s service) addTunnels(ctx context.Context, c *control.Conversation) error {
	_, tunnels := s.forward(ctx, c.Call.Tunnels)
	return c.Tunnels(tunnels)
}

// cancelTunnels ends tunnels for a client. It goes on after one that is not
// there.
func (s service) cancelTunnels(c *control.Conversation) error {
	var missing error
	for _, r := range c.Call.Tunnels {
		if err := s.tunnels.Cancel(r.Spec); err != nil && missing == nil {
			missing = &control.NoTunnelError{Option: r.Flag()}
		}
	}
	s.saveOrLog()
	if missing != nil {
		return c.Fail(missing)
	}
	return c.Done()
}
