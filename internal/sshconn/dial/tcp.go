package dial

import (
	"net"
	"syscall"
)

// quickReads is how many reads of a connection are acknowledged at once: more
// than a login and the start of the first sessions take.
const quickReads = 64

// quick is a TCP connection that acknowledges at once what it first receives.
// sshd leaves Nagle's algorithm (RFC 896) on until a session begins, so that
// after the login it waits for our acknowledgement before it goes on, and we
// wait for more data, in vain, before we send one: 40 ms on Linux.
type quick struct {
	net.Conn
	raw  syscall.RawConn
	left int // reads to acknowledge at once; the reader's
}

func newQuick(c net.Conn) net.Conn {
	tcp, ok := c.(*net.TCPConn)
	if !ok {
		return c
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return c
	}
	return &quick{Conn: c, raw: raw, left: quickReads}
}

// Read may not be called by two goroutines at once.
func (q *quick) Read(b []byte) (int, error) {
	n, err := q.Conn.Read(b)
	if q.left > 0 {
		q.left--
		acknowledge(q.raw)
	}
	return n, err
}

// Confirmed reports whether the other machine has acknowledged, by TCP, all that
// was sent to it. known is false where that cannot be seen: behind a proxy, and
// on some systems.
func Confirmed(c net.Conn) (yes, known bool) {
	direct, ok := c.(*quick)
	if !ok {
		return false, false
	}
	left, err := unconfirmed(direct.raw)
	return left == 0, err == nil
}
