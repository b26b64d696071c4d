package transport

import (
	"bufio"
	"net"
	"net/netip"
	"sync"
)

// transport is the net.Conn under an SSH connection. It lets the sniffer see
// what the server says first, remembers how reading ended, and tells an observer
// of the traffic.
type transport struct {
	net.Conn
	in *bufio.Reader // x/crypto reads the version line byte by byte

	mu       sync.Mutex
	sniffer  sniffer
	observer observer
	isClosed bool // by us
	isLost   bool // before that, by the other side
}

// observer is told of the traffic while Dial is under way. It is called without
// the transport's lock. Fields may be nil.
type observer struct {
	wrote  func() // something is about to be written
	heard  func() // bytes came
	banner func() // the version line came
	lost   func() // the other side ended the connection
}

func newTransport(c net.Conn) *transport {
	return &transport{Conn: c, in: bufio.NewReader(c)}
}

// observe replaces the observer.
func (t *transport) observe(o observer) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.observer = o
}

func (t *transport) Read(p []byte) (int, error) {
	n, err := t.in.Read(p)
	t.mu.Lock()
	server := &t.sniffer.server
	before := server.banner
	server.feed(p[:n], server)
	first := server.banner && !before
	lost := err != nil && !t.isClosed
	t.isLost = t.isLost || lost
	o := t.observer
	t.mu.Unlock()
	if lost && o.lost != nil {
		o.lost()
	}
	if n > 0 && o.heard != nil {
		o.heard()
	}
	if first && o.banner != nil {
		o.banner()
	}
	return n, err
}

func (t *transport) Write(p []byte) (int, error) {
	t.mu.Lock()
	client := &t.sniffer.client
	client.feed(p, client)
	o := t.observer
	t.mu.Unlock()
	if o.wrote != nil {
		o.wrote()
	}
	n, err := t.Conn.Write(p)
	if err != nil {
		t.lose()
	}
	return n, err
}

// lose notes that the other side has ended the connection, unless we have.
func (t *transport) lose() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.isLost = t.isLost || !t.isClosed
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

// quantum says whether the server offers a post-quantum key exchange.
func (t *transport) quantum() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.sniffer.server.quantum
}

// instead returns what the server has said in place of a version.
func (t *transport) instead() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.sniffer.server.instead()
}

// seen returns whether the version line and the key exchange reply have come.
func (t *transport) seen() (banner, found bool, reply kexReply) {
	t.mu.Lock()
	defer t.mu.Unlock()
	server := &t.sniffer.server
	return server.banner, server.found, server.reply
}

// secured says whether the server has shown its host key, or what is no key
// exchange that can be followed.
func (t *transport) secured() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.sniffer.server.state == sniffDone
}

// kerberos says whether the key exchange is one without a host key: the two sides
// know each other by Kerberos (RFC 4462).
func (t *transport) kerberos() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.sniffer.client.kerberos
}

// openSSH says whether the server is OpenSSH's sshd, as it says itself.
func (t *transport) openSSH() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.sniffer.server.openSSH
}

// oneSession reports whether the server is one that allows one session on a
// connection, and ends the connection with that: tinysshd.
func (t *transport) oneSession() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.sniffer.server.tiny
}

// overheard notes how far a connection has come that this process does not see.
func (t *transport) overheard(state sniffState, openSSH bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	server := &t.sniffer.server
	server.state, server.banner, server.openSSH = state, true, openSSH
}

// remote returns the server's address, an invalid one behind a proxy.
func (t *transport) remote() netip.AddrPort {
	tcp, ok := t.RemoteAddr().(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	addr := tcp.AddrPort()
	return netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port())
}
