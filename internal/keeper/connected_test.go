package keeper

import (
	"errors"
	"net"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/mosha-ssh/mosha/internal/keeper/remote"
	"github.com/mosha-ssh/mosha/internal/sshconn"
)

// deadConnection is one on which nothing comes about, until it is gone.
type deadConnection struct {
	gone  chan struct{}
	facts sshconn.Facts
}

func (c deadConnection) OpenChannel(string, []byte) (ssh.Channel, <-chan *ssh.Request, error) {
	<-c.gone
	return nil, nil, net.ErrClosed
}

func (c deadConnection) Serve(func(sshconn.AgentOffer), func(ssh.NewChannel)) { <-c.gone }

func (c deadConnection) SendRequest(string, bool, []byte) (bool, []byte, error) {
	<-c.gone
	return false, nil, net.ErrClosed
}

func (c deadConnection) RoundTrip() error {
	<-c.gone
	return errors.New("gone")
}

func (c deadConnection) Probe() (confirmed, known bool) { return false, false }
func (c deadConnection) Done() <-chan struct{}          { return c.gone }
func (c deadConnection) LocalAddr() net.Addr            { return &net.UnixAddr{} }
func (c deadConnection) Facts() sshconn.Facts           { return c.facts }
func (c deadConnection) Close() error                   { return nil }

func (c deadConnection) Wait() error {
	<-c.gone
	return nil
}

// connects serves a dead connection until the test ends.
func (k *Keeper) connects(t *testing.T) *remote.Connection {
	return k.connectsAs(t, sshconn.Facts{})
}

func (k *Keeper) connectsAs(t *testing.T, facts sshconn.Facts) *remote.Connection {
	gone := make(chan struct{})
	conn := k.serve(deadConnection{gone, facts})
	t.Cleanup(func() {
		conn.Drop()
		close(gone)
		<-conn.Done()
	})
	return conn
}
