package tunnel

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

const (
	// acceptRest is the wait before the next try where no connection could be
	// accepted.
	acceptRest = 100 * time.Millisecond
	// firstRetry and lastRetry are the waits between tries to listen.
	firstRetry, lastRetry = time.Second, 30 * time.Second
	// greeting is how long a client may take to say by SOCKS where it wants to
	// go.
	greeting = 2 * time.Minute
)

// runLocal listens here and serves who connects.
func (t *tunnel) runLocal() {
	for rest := firstRetry; ; rest = min(rest*2, lastRetry) {
		listeners, partial, err := t.listen(t.ctx, t.rules())
		if err == nil {
			t.become(Up, partial)
			t.accept(listeners)
			return
		}
		if t.ctx.Err() != nil {
			return
		}
		t.become(Failed, err)
		t.pause(rest, nil)
		if t.ctx.Err() != nil {
			return
		}
	}
}

// accept serves who connects until the tunnel is cancelled.
func (t *tunnel) accept(listeners []net.Listener) {
	defer context.AfterFunc(t.ctx, func() {
		for _, l := range listeners {
			_ = l.Close()
		}
	})()
	var all sync.WaitGroup
	for _, l := range listeners {
		all.Go(func() {
			for {
				conn, err := l.Accept()
				if errors.Is(err, net.ErrClosed) {
					return
				}
				if err != nil { // no descriptors, for the moment
					t.set.warn().Err(err).Str("tunnel", t.String()).Msg("connection not accepted")
					time.Sleep(acceptRest)
					continue
				}
				t.admit(conn.(duplex))
			}
		})
	}
	all.Wait()
}

// admit serves a connection, if there is a place for it.
func (t *tunnel) admit(conn duplex) {
	if !t.set.enter() {
		abort(conn)
		return
	}
	t.set.work.Go(func() {
		defer t.set.leave()
		t.count(func() {
			if err := t.serve(conn); err != nil {
				abort(conn)
				t.logEnd(err, "connection reset")
			}
		})
	})
}

// count counts a connection while f serves it.
func (t *tunnel) count(f func()) {
	t.total.Add(1)
	t.open.Add(1)
	defer t.open.Add(-1)
	f()
}

// serve forwards a connection. The caller resets it where that fails.
func (t *tunnel) serve(conn duplex) error {
	defer context.AfterFunc(t.set.ctx, func() { abort(conn) })()
	target := t.Target
	asked := t.Target == Endpoint{}
	var request socksRequest
	if asked {
		_ = conn.SetDeadline(time.Now().Add(greeting))
		var err error
		if request, err = readSOCKS(conn); err != nil {
			return err
		}
		_ = conn.SetDeadline(time.Time{})
		target = request.target
	}
	if _, err := t.set.readyInTime(); err != nil {
		return err
	}
	if asked {
		// Before the target has answered, as ssh does: a round trip less.
		if _, err := conn.Write(request.reply(granted5)); err != nil {
			return err
		}
	}
	channel, err := t.set.openTo(target, conn.RemoteAddr())
	if err != nil {
		return err
	}
	t.pass(conn, channel, t.set.ctx.Done())
	channel.forget()
	return nil
}

// readyInTime waits for an SSH connection for as long as a client may wait.
func (s *Set) readyInTime() (Opener, error) {
	ctx, cancel := context.WithTimeout(s.ctx, patience)
	defer cancel()
	return s.ready(ctx)
}

// openTo opens a channel to the target, over the SSH connection that works. When
// that is no longer so before the server has answered, it turns to the next.
func (s *Set) openTo(target Endpoint, from net.Addr) (*stream, error) {
	kind, extra := opening(target, from)
	var failing Opener
	var until time.Time
	for {
		o, err := s.readyInTime()
		if err != nil {
			return nil, err
		}
		if failing != o {
			failing, until = o, time.Now().Add(patience)
		}
		channel, err := s.openOver(s.ctx, o, kind, extra)
		var refused *ssh.OpenChannelError
		if err == nil || errors.As(err, &refused) || s.ctx.Err() != nil || !isClosed(o.Done()) && time.Now().After(until) {
			return channel, err
		}
		select { // it has ended, which its owner may not know yet
		case <-o.Done():
		case <-time.After(acceptRest):
		}
	}
}

// openOver opens a channel over one connection, for as long as that works and ctx
// lasts.
func (s *Set) openOver(ctx context.Context, o Opener, kind string, extra []byte) (*stream, error) {
	type opened struct {
		channel *stream
		err     error
	}
	came := make(chan opened)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		channel, requests, err := o.OpenChannel(kind, extra)
		var c *stream
		if err == nil {
			c = newStream(channel, requests, o.Done())
		}
		select {
		case came <- opened{c, err}:
		case <-ctx.Done():
			if c != nil {
				c.forget()
			}
		}
	}()
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		s.replaced(ctx, o)
	}()
	select {
	case c := <-came:
		return c.channel, c.err
	case <-gone:
		return nil, errNoConnection
	}
}

// opening is the type of a channel to a target, and what its request says
// beside that (RFC 4254, section 7.2; PROTOCOL, section 2.4).
func opening(target Endpoint, from net.Addr) (kind string, extra []byte) {
	if target.Path != "" {
		return "direct-streamlocal@openssh.com", ssh.Marshal(struct {
			Path, Reserved string
			Number         uint32
		}{Path: target.Path})
	}
	host, port := "127.0.0.1", 65535 // ssh's for a Unix socket's client
	if tcp, ok := from.(*net.TCPAddr); ok {
		host, port = tcp.IP.String(), tcp.Port
	}
	return "direct-tcpip", ssh.Marshal(struct {
		Host  string
		Port  uint32
		From  string
		FromP uint32
	}{target.Host, uint32(target.Port), host, uint32(port)})
}
