package sshconn

import (
	"net"
	"syscall"
)

// promptReads is how many reads of a connection are acknowledged at once: more
// than a login and the start of the first sessions take.
const promptReads = 64

// prompt is a TCP connection that acknowledges at once what it first receives.
// sshd leaves Nagle's algorithm (RFC 896) on until a session begins, so that
// after the login it waits for our acknowledgement before it goes on, and we
// wait for more data, in vain, before we send one: 40 ms on Linux.
type prompt struct {
	net.Conn
	raw  syscall.RawConn
	left int // reads to acknowledge at once; the reader's
}

func newPrompt(c net.Conn) net.Conn {
	tcp, ok := c.(*net.TCPConn)
	if !ok {
		return c
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return c
	}
	return &prompt{Conn: c, raw: raw, left: promptReads}
}

// Read may not be called by two goroutines at once.
func (p *prompt) Read(b []byte) (int, error) {
	n, err := p.Conn.Read(b)
	if p.left > 0 {
		p.left--
		acknowledge(p.raw)
	}
	return n, err
}
