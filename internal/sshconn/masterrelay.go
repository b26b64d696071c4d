package sshconn

import (
	"io"
	"net"
	"sync"
)

// relayBuffer is how much is copied at once, in bytes. Little, as a buffer for
// each direction stays for as long as the connection.
const relayBuffer = 16 << 10

// relay hands the connection to the ssh that comes for it, once, and copies
// until either side has closed its end. It then closes both.
func (d *dialer) relay(listener *net.UnixListener) {
	conn, err := listener.AcceptUnix()
	listener.Close()
	if err != nil {
		return
	}
	d.fetched.Store(true)
	defer conn.Close()
	defer d.transport.Close()
	var down sync.WaitGroup
	down.Go(func() {
		copyBytes(conn, d.transport)
		_ = conn.CloseWrite() // ssh ends then, and closes its end
	})
	copyBytes(d.transport, conn)
	d.transport.Close()
	down.Wait()
}

func copyBytes(to io.Writer, from io.Reader) {
	_, _ = io.CopyBuffer(struct{ io.Writer }{to}, struct{ io.Reader }{from}, make([]byte, relayBuffer))
}
