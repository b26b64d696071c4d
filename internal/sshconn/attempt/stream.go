package attempt

import (
	"bufio"
	"net"
	"net/netip"
	"sync"

	"golang.org/x/crypto/ssh"
)

// Stream is the net.Conn under an SSH connection. The sniffer reads its
// unencrypted beginning, an observer hears of its traffic, and it remembers which
// side ended it.
type Stream struct {
	net.Conn
	in   *bufio.Reader // x/crypto reads the version line byte by byte
	once sync.Once     // closes end
	end  chan struct{} // closed when nothing more can be read

	mu       sync.Mutex
	sniffer  sniffer
	observer observer
	isClosed bool // by us
	isLost   bool // before that, by the other side
}

// observer hears of the traffic while an attempt is under way. Its fields may be
// nil. They are called without the stream's lock.
type observer struct {
	wrote  func() // something is about to be written
	heard  func() // bytes came
	banner func() // the version line came
	lost   func() // the other side ended the connection
}

// readSize is how much is read at once where more has come, in bytes: two of the
// largest packets, which x/crypto reads in several pieces.
const readSize = 64 << 10

func newStream(c net.Conn) *Stream {
	return &Stream{Conn: c, in: bufio.NewReaderSize(c, readSize), end: make(chan struct{})}
}

// observe replaces the observer.
func (s *Stream) observe(o observer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.observer = o
}

func (s *Stream) Read(p []byte) (int, error) {
	n, err := s.in.Read(p)
	s.mu.Lock()
	server := &s.sniffer.server
	before := server.banner
	server.feed(p[:n], server)
	first := server.banner && !before
	lost := err != nil && !s.isClosed
	s.isLost = s.isLost || lost
	o := s.observer
	s.mu.Unlock()
	if err != nil {
		s.once.Do(func() { close(s.end) })
	}
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

func (s *Stream) Write(p []byte) (int, error) {
	s.mu.Lock()
	client := &s.sniffer.client
	client.feed(p, client)
	o := s.observer
	s.mu.Unlock()
	if o.wrote != nil {
		o.wrote()
	}
	n, err := s.Conn.Write(p)
	if err != nil {
		s.lose()
	}
	return n, err
}

// lose notes that the other side has ended the connection, unless we have.
func (s *Stream) lose() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.isLost = s.isLost || !s.isClosed
}

// Close may be called more than once; only the first call counts.
func (s *Stream) Close() error {
	s.mu.Lock()
	if s.isClosed {
		s.mu.Unlock()
		return nil
	}
	s.isClosed = true
	s.mu.Unlock()
	return s.Conn.Close()
}

// Done is closed when nothing more can be read.
func (s *Stream) Done() <-chan struct{} { return s.end }

// IsLost reports whether the other side ended the connection.
func (s *Stream) IsLost() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.isLost
}

// Seen is what the beginning of a stream has shown so far.
type Seen struct {
	Version  bool   // the server's version line has come
	HostKey  []byte // the server's, as on the wire; nil if its key exchange reply has not come or cannot be read in one way only
	Secured  bool   // the server has shown its host key, or what is no key exchange that can be followed
	Kerberos bool   // the key exchange needs no host key: the two sides know each other by Kerberos (RFC 4462)
	Quantum  bool   // the server offers a post-quantum key exchange

	openSSH    bool   // sshconn.Facts.OpenSSH
	oneSession bool   // sshconn.Facts.OneSession
	instead    string // what the server has said in place of a version
}

// Seen returns what the beginning has shown.
func (s *Stream) Seen() Seen {
	s.mu.Lock()
	defer s.mu.Unlock()
	server := &s.sniffer.server
	return Seen{
		Version: server.banner, HostKey: server.reply.hostKey, Secured: server.state == sniffDone,
		Kerberos: s.sniffer.client.kerberos, Quantum: server.quantum,
		openSSH: server.openSSH, oneSession: server.tiny, instead: server.instead(),
	}
}

// Bind returns what ties an agent to the connection. It is nil if the sniffer did
// not find the server's signature, or if that is for another key or session.
func (s *Stream) Bind(hostKey ssh.PublicKey, sessionID []byte) *Binding {
	s.mu.Lock()
	defer s.mu.Unlock()
	return newBinding(s.sniffer.server.reply, hostKey, sessionID)
}

// OverheardVersion notes that ssh has received the version line, over a
// connection that this process does not see.
func (s *Stream) OverheardVersion(openSSH bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	server := &s.sniffer.server
	server.state, server.banner, server.openSSH = sniffPackets, true, openSSH
}

// OverheardHostKey notes that ssh has received the server's host key there.
func (s *Stream) OverheardHostKey() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sniffer.server.state, s.sniffer.server.banner = sniffDone, true
}

// Remote returns the server's address, an invalid one behind a proxy.
func (s *Stream) Remote() netip.AddrPort {
	tcp, ok := s.RemoteAddr().(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	addr := tcp.AddrPort()
	return netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port())
}
