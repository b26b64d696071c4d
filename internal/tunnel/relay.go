package tunnel

import (
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"
)

const (
	// pieceSize is how much a relay holds of each direction, in bytes. What a
	// channel holds beside that is bounded by its window.
	pieceSize = 64 << 10
	// usedSize is after how many bytes of one direction a relay tells that it takes
	// memory.
	usedSize = 1 << 20
	// settleTime is how long an SSH connection that the server has ended in good
	// order may take to be over, when the streams of its channels are.
	settleTime = time.Millisecond
	// forgetPeriod is how often what the server sends on a channel that is
	// closed here is forgotten.
	forgetPeriod = 5 * time.Second
)

// traffic is what a tunnel has carried.
type traffic struct {
	open  atomic.Int32 // connections
	total atomic.Int64 // of them, so far
	up    atomic.Int64 // bytes towards the server
	down  atomic.Int64 // bytes from it
	used  func()       // called with each usedSize that was carried
}

// duplex is a TCP connection or that of a Unix socket.
type duplex interface {
	net.Conn
	CloseWrite() error
}

// stream is a channel with what is known of its end.
type stream struct {
	ssh.Channel
	over   <-chan struct{} // closed with the SSH connection
	closed chan struct{}   // closed when the server has closed the channel, or with over
}

func newStream(channel ssh.Channel, requests <-chan *ssh.Request, over <-chan struct{}) *stream {
	s := &stream{Channel: channel, over: over, closed: make(chan struct{})}
	go func() {
		defer close(s.closed)
		ssh.DiscardRequests(requests)
	}()
	go func() { _, _ = io.Copy(io.Discard, channel.Stderr()) }() // it counts as unread, and nobody has a use for it
	return s
}

// lost reports, behind the end of the stream, whether that is because the SSH
// connection was lost: to x/crypto both are the same.
func (s *stream) lost() bool {
	select {
	case <-s.over:
		return true
	case <-time.After(settleTime):
		return isClosed(s.over)
	}
}

// forget closes the channel and waits until the server has closed it, too: until
// then it takes up memory, and what still comes would take up more.
func (s *stream) forget() {
	_ = s.Close()
	tick := time.NewTicker(forgetPeriod)
	defer tick.Stop()
	for {
		select {
		case <-s.closed:
			return
		case <-s.over:
			return
		case <-tick.C:
			_, _ = io.Copy(io.Discard, s.Channel)
		}
	}
}

// pass copies both ways between a connection here and a channel, and returns
// when both directions have ended. It passes on the end of each direction by
// itself. It resets both sides as soon as the SSH connection is lost, one of
// them fails, or stop is closed.
func (t *traffic) pass(conn duplex, channel *stream, stop <-chan struct{}) {
	reset := sync.OnceFunc(func() {
		abort(conn)
		_ = channel.Close()
	})
	done := make(chan struct{})
	go func() {
		select {
		case <-channel.over:
			reset()
		case <-stop:
			reset()
		case <-done:
		}
	}()
	var both sync.WaitGroup
	both.Go(func() {
		if source, _ := t.copy(channel, conn, &t.up); source != nil && !isClosed(channel.closed) {
			reset()
			return
		}
		_ = channel.CloseWrite()
	})
	both.Go(func() {
		source, sink := t.copy(conn, channel, &t.down)
		if source != nil || sink != nil || channel.lost() {
			reset()
			return
		}
		_ = conn.CloseWrite()
		go func() {
			select {
			case <-channel.closed: // the server takes nothing any more
				_ = conn.SetReadDeadline(time.Unix(1, 0))
			case <-done:
			}
		}()
	})
	both.Wait()
	close(done)
	_ = conn.Close()
}

// pieces are the buffers of relays.
var pieces = sync.Pool{New: func() any { return new([pieceSize]byte) }}

// copy copies until the source ends, and counts. It returns how each side
// failed.
func (t *traffic) copy(to io.Writer, from io.Reader, count *atomic.Int64) (source, sink error) {
	piece := pieces.Get().(*[pieceSize]byte)
	defer pieces.Put(piece)
	for untold := 0; ; {
		n, err := from.Read(piece[:])
		if n > 0 {
			if _, failed := to.Write(piece[:n]); failed != nil {
				return nil, failed
			}
			count.Add(int64(n))
			if untold += n; untold >= usedSize {
				untold = 0
				t.used()
			}
		}
		if errors.Is(err, io.EOF) {
			return nil, nil
		}
		if err != nil {
			return err, nil
		}
	}
}

// abort closes a connection so that its other side sees that it did not end
// well: TCP sends a reset.
func abort(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

func isClosed(done <-chan struct{}) bool {
	select {
	case <-done:
		return true
	default:
		return false
	}
}
