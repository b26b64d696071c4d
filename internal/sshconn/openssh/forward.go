package openssh

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/mosha-ssh/mosha/internal/sshconn/helper"
)

// forwards are the listeners on the server. A master passes on no answer to a
// request for one, so ssh itself is asked (PROTOCOL.mux, MUX_C_OPEN_FWD), and
// brings each connection to a socket of ours:
//
//	client -> server ==SSH==> ssh -> our socket -> forwarded
type forwards struct {
	dir       helper.Dir
	forwarded func(ssh.NewChannel)
	served    chan struct{} // closed once forwarded is there

	mu     sync.Mutex
	count  int                 // of our sockets so far
	socket map[string]string   // by that name
	open   map[string]*forward // by the name that a request has for it
	closed bool
}

// forward is one listener on the server, and ours to which ssh brings its
// connections.
type forward struct {
	host string // address or path, as SSH has it
	port uint32 // that was asked for: 0 for any, muxUnix for a path

	socket string
	from   *net.UnixListener
}

// name is by what a listener is found.
func (f *forward) name(port uint32) string { return fmt.Sprintf("%s:%d", f.host, port) }

func newForwards(dir helper.Dir) *forwards {
	return &forwards{dir: dir, served: make(chan struct{}), open: make(map[string]*forward), socket: make(map[string]string)}
}

// serve begins to hand on connections.
func (f *forwards) serve(forwarded func(ssh.NewChannel)) {
	f.forwarded = forwarded
	close(f.served)
}

// close ends all listeners here. Those on the server end with ssh.
func (f *forwards) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	for _, one := range f.open {
		_ = one.from.Close()
	}
}

// SendRequest is that of Connection.
func (m *master) SendRequest(name string, _ bool, payload []byte) (granted bool, answer []byte, err error) {
	one, cancel, err := readRequest(name, payload)
	if err != nil {
		return false, nil, err
	}
	if cancel {
		return m.forwards.cancel(one), nil, nil
	}
	port, err := m.forwards.ask(one)
	if errors.Is(err, errRefused) {
		return false, nil, nil
	}
	return err == nil, ssh.Marshal(struct{ Port uint32 }{port}), err
}

// readRequest reads a request for a listener, or for its end.
func readRequest(name string, payload []byte) (one *forward, cancel bool, err error) {
	name, cancel = strings.CutPrefix(name, "cancel-")
	switch name {
	case "tcpip-forward":
		var at struct {
			Host string
			Port uint32
		}
		err = ssh.Unmarshal(payload, &at)
		return &forward{host: at.Host, port: at.Port}, cancel, err
	case "streamlocal-forward@openssh.com":
		var at struct{ Path string }
		err = ssh.Unmarshal(payload, &at)
		return &forward{host: at.Path, port: muxUnix}, cancel, err
	}
	return nil, false, fmt.Errorf("ssh passes on no request %s", name)
}

// ask has ssh ask the server for a listener, and returns its port.
func (f *forwards) ask(one *forward) (port uint32, err error) {
	if err := f.listen(one); err != nil {
		return 0, err
	}
	chosen, err := one.tell(f.dir.Control(), muxOpenForward)
	if err != nil {
		_ = one.from.Close()
		return 0, err
	}
	port = cmp.Or(chosen, one.port)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		_ = one.from.Close()
		return 0, net.ErrClosed
	}
	f.open[one.name(port)] = one
	go f.accept(one, one.channel(port))
	return port, nil
}

// channel is what the channels of a listener have in common.
func (f *forward) channel(port uint32) forwarded {
	if f.port == muxUnix {
		return forwarded{kind: "forwarded-streamlocal@openssh.com", extra: ssh.Marshal(struct{ Path, Reserved string }{f.host, ""})}
	}
	return forwarded{kind: "forwarded-tcpip", extra: ssh.Marshal(struct {
		Host string
		Port uint32
		From string
		At   uint32
	}{f.host, port, "", 0})}
}

// listen opens our socket for a listener. One that is asked for again has the
// same as before: where the server refuses it ssh keeps in mind to which socket
// its connections were to go, and goes by that once the server has it after
// all.
func (f *forwards) listen(one *forward) (err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return net.ErrClosed
	}
	one.socket = f.socket[one.name(one.port)]
	if one.socket == "" || one.port == 0 {
		f.count++
		one.socket = f.dir.Forward(f.count)
		f.socket[one.name(one.port)] = one.socket
	}
	one.from, err = f.dir.Listen(one.socket)
	if errors.Is(err, syscall.EADDRINUSE) { // a request that was given up is not answered yet
		return errRefused
	}
	return err
}

// cancel ends a listener.
func (f *forwards) cancel(at *forward) bool {
	f.mu.Lock()
	one := f.open[at.name(at.port)]
	delete(f.open, at.name(at.port))
	f.mu.Unlock()
	if one == nil {
		return false
	}
	_, err := one.tell(f.dir.Control(), muxCloseForward)
	_ = one.from.Close()
	return err == nil
}

// accept hands on each connection as a channel.
func (f *forwards) accept(one *forward, as forwarded) {
	<-f.served
	for {
		conn, err := one.from.AcceptUnix()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // no descriptors, for the moment
			time.Sleep(acceptRest)
			continue
		}
		f.forwarded(&forwarded{kind: as.kind, extra: as.extra, conn: conn})
	}
}

// forwarded is a connection to a listener as the channel that SSH would have for
// it. ssh has accepted that already.
type forwarded struct {
	kind  string
	extra []byte
	conn  *net.UnixConn
}

func (f *forwarded) ChannelType() string                      { return f.kind }
func (f *forwarded) ExtraData() []byte                        { return f.extra }
func (f *forwarded) Reject(ssh.RejectionReason, string) error { return f.conn.Close() }

// Accept returns the connection.
func (f *forwarded) Accept() (ssh.Channel, <-chan *ssh.Request, error) {
	requests := make(chan *ssh.Request)
	return &unixChannel{UnixConn: f.conn, requests: requests}, requests, nil
}

// unixChannel is a channel whose other end ssh has.
type unixChannel struct {
	*net.UnixConn
	once     sync.Once
	requests chan *ssh.Request
}

// Close ends the requests, too: the other side can send none.
func (u *unixChannel) Close() error {
	u.once.Do(func() { close(u.requests) })
	return u.UnixConn.Close()
}

// SendRequest is that of ssh.Channel; there is nobody to ask.
func (*unixChannel) SendRequest(string, bool, []byte) (bool, error) { return false, nil }

// Stderr is that of ssh.Channel; nothing comes there.
func (*unixChannel) Stderr() io.ReadWriter { return new(bytes.Buffer) }

// Done is that of Connection.
func (m *master) Done() <-chan struct{} { return m.control.done }

// controlConn notes when nothing more comes on the control connection.
type controlConn struct {
	net.Conn
	once sync.Once
	done chan struct{}
}

func (c *controlConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err != nil {
		c.once.Do(func() { close(c.done) })
	}
	return n, err
}
