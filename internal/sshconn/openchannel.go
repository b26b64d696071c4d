package sshconn

import (
	"net"

	"golang.org/x/crypto/ssh"
)

// opened is what came of opening a channel.
type opened struct {
	channel  ssh.Channel
	requests <-chan *ssh.Request
	err      error
}

// openChannel opens a channel, or fails once over is closed, which is when the
// connection has ended. x/crypto does not see to that: a channel that is made
// in the moment in which it drops the others waits for its answer for ever.
func openChannel(conn ssh.Conn, over <-chan struct{}, kind string, extra []byte) (ssh.Channel, <-chan *ssh.Request, error) {
	done := make(chan opened, 1)
	go func() {
		channel, requests, err := conn.OpenChannel(kind, extra)
		done <- opened{channel, requests, err}
	}()
	select {
	case o := <-done:
		return o.channel, o.requests, o.err
	case <-over:
		return nil, nil, net.ErrClosed
	}
}
