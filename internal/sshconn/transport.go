package sshconn

import (
	"bufio"
	"net"
	"sync"
)

// transport is the net.Conn under an SSH connection. It lets the sniffer see
// what the server says first, and remembers how reading ended.
type transport struct {
	net.Conn
	in *bufio.Reader // x/crypto reads the version line byte by byte

	mu       sync.Mutex
	sniffer  sniffer
	isClosed bool // by us
	isLost   bool // before that, by the other side
}

func newTransport(c net.Conn) *transport {
	return &transport{Conn: c, in: bufio.NewReader(c)}
}

func (t *transport) Read(p []byte) (int, error) {
	n, err := t.in.Read(p)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sniffer.feed(p[:n])
	if err != nil && !t.isClosed {
		t.isLost = true
	}
	return n, err
}

// Close may be called more than once; only the first call counts.
func (t *transport) Close() error {
	t.mu.Lock()
	if t.isClosed {
		t.mu.Unlock()
		return nil
	}
	t.isClosed = true
	t.mu.Unlock()
	return t.Conn.Close()
}

// lost says whether the other side ended the connection.
func (t *transport) lost() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.isLost
}

// seen returns whether the version line and the key exchange reply have come.
func (t *transport) seen() (banner, found bool, reply kexReply) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.sniffer.banner, t.sniffer.found, t.sniffer.reply
}
