package openssh

import (
	"io"
	"net"
	"os"
	"sync"

	"github.com/mosha-ssh/mosha/internal/sshconn"
	"github.com/mosha-ssh/mosha/internal/sshconn/pubkey"
)

// relayBuffer is how many bytes a copy takes at once. It is small, since a buffer
// for each direction stays for as long as the connection.
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
	defer d.Stream.Close()
	var down sync.WaitGroup
	down.Go(func() {
		copyBytes(conn, &gate{d: d})
		_ = conn.CloseWrite() // ssh ends then, and closes its end
	})
	copyBytes(d.Stream, conn)
	d.Stream.Close()
	down.Wait()
}

func copyBytes(to io.Writer, from io.Reader) {
	_, _ = io.CopyBuffer(struct{ io.Writer }{to}, struct{ io.Reader }{from}, make([]byte, relayBuffer))
}

// gate reads what the server says. It judges the host key when the server shows
// it, as the native transport does, and hands nothing on to ssh before that:
// among ssh's words about a key there may be words of the server's.
type gate struct {
	d    *dialer
	open bool
}

func (g *gate) Read(p []byte) (int, error) {
	n, err := g.d.Stream.Read(p)
	if g.open || !g.d.Stream.Seen().Secured {
		return n, err
	}
	if refusal := g.d.judge(); refusal != nil {
		g.d.refused.Store(&refusal)
		go g.d.Abort()
		return 0, refusal
	}
	g.open = true
	return n, err
}

// errUnseen says that the server's key exchange can be read in more than one way,
// so that its host key is not known.
var errUnseen = &sshconn.ProtocolError{Phase: sshconn.PhaseKex, Message: "the server's host key cannot be seen in its key exchange"}

// leftToSSH reports whether ssh alone decides about the host key, since nobody
// here sees it, or can read it. ssh then refuses one that is not the known one.
func (d *dialer) leftToSSH() bool { return d.itself || d.left.Load() }

// judge decides about the key that the server has shown.
func (d *dialer) judge() error {
	seen := d.Stream.Seen()
	switch {
	case seen.Kerberos:
		d.BeginAuth()
		return nil
	case seen.HostKey == nil:
		return errUnseen
	}
	key, err := pubkey.Parse(seen.HostKey)
	switch {
	case err != nil && d.Config.StrictHostKeyChecking == "no": // ssh would take any
		return errUnseen
	case err != nil: // such as a certificate by a key that only ssh can read
		d.left.Store(true)
		d.BeginAuth()
		return nil
	}
	err = d.Judge(func() error { return d.keys.Check(d.Stream.Remote(), key) })
	if line := d.keys.Untold(); line != "" && err == nil {
		err = os.WriteFile(d.told, []byte(line), 0o600)
	}
	d.Rest() // it is ssh's turn
	return err
}
