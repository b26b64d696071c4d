package remote

import (
	"errors"
	"net"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/crypto/ssh"

	"github.com/mosha-ssh/mosha/internal/link"
	"github.com/mosha-ssh/mosha/internal/sshconfig"
	"github.com/mosha-ssh/mosha/internal/sshconn"
)

// deadConnection is one on which nothing comes about, until it is gone.
type deadConnection struct{ gone chan struct{} }

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

func (c deadConnection) Done() <-chan struct{} { return c.gone }
func (c deadConnection) LocalAddr() net.Addr   { return &net.UnixAddr{} }
func (c deadConnection) Facts() sshconn.Facts  { return sshconn.Facts{} }
func (c deadConnection) Close() error          { return nil }

func (c deadConnection) Wait() error {
	<-c.gone
	return nil
}

// testOwner counts what a connection tells.
type testOwner struct {
	used atomic.Int32
}

func (o *testOwner) Answered(*Connection, time.Duration) {}
func (o *testOwner) Measured(time.Duration)              {}
func (o *testOwner) Changed()                            {}
func (o *testOwner) Ended(error)                         {}
func (o *testOwner) Used()                               { o.used.Add(1) }

// options are those of a connection of which nothing special is asked.
func options() Options {
	return Options{
		Config: &sshconfig.Config{Dest: "devbox", HostName: "devbox.example", User: "me", Port: 22},
		Log:    zerolog.Nop(), Claims: link.NewClaims(false, func() {}),
	}
}

func newConnection(conn sshconn.Connection) *Connection { return New(conn, &testOwner{}, options()) }
