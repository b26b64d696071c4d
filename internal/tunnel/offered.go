package tunnel

import (
	"context"
	"errors"
	"net"
	"strconv"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/mosha-ssh/mosha/internal/text"
)

// dialLimit bounds the way from here to the target.
const dialLimit = 30 * time.Second

// Offered serves a channel that the server opens for one of the listeners that it
// was asked for, and refuses it if it is for none. It does not block.
func (s *Set) Offered(o Opener, offer ssh.NewChannel) {
	at, ok := announced(o, offer)
	switch {
	case !ok:
		_ = offer.Reject(ssh.UnknownChannelType, "not served here")
		return
	case !s.enter():
		_ = offer.Reject(ssh.ResourceShortage, "too many connections")
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx.Err() != nil {
		s.leave()
		_ = offer.Reject(ssh.Prohibited, "")
		return
	}
	s.work.Go(func() {
		defer s.leave()
		if t := s.expected(at); t != nil {
			t.count(func() { t.take(o, offer) })
			return
		}
		_ = offer.Reject(ssh.Prohibited, "nobody has asked for it")
		s.warn().Str("host", text.ASCII(at.host)).Int("port", at.port).Str("path", text.ASCII(at.path)).Msg("the server has a connection for no tunnel")
	})
}

// expected returns the tunnel with this listener, nil if there is none or it was
// cancelled. It waits for those whose port is just being chosen.
func (s *Set) expected(at listening) *tunnel {
	s.asking.RLock()
	defer s.asking.RUnlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.listeners[at]; t != nil && t.ctx.Err() == nil {
		return t
	}
	return nil
}

// announced reads for which listener a channel is.
func announced(o Opener, offer ssh.NewChannel) (at listening, ok bool) {
	at.opener = o
	switch offer.ChannelType() {
	case "forwarded-tcpip":
		var said struct {
			Host       string
			Port       uint32
			From       string
			OriginPort uint32
		}
		err := ssh.Unmarshal(offer.ExtraData(), &said)
		at.host, at.port = said.Host, int(said.Port)
		return at, err == nil
	case "forwarded-streamlocal@openssh.com":
		var said struct{ Path, Reserved string }
		err := ssh.Unmarshal(offer.ExtraData(), &said)
		at.path = said.Path
		return at, err == nil
	}
	return at, false
}

// take connects a channel to the target.
func (t *tunnel) take(o Opener, offer ssh.NewChannel) {
	err := t.connect(o, offer)
	if err != nil {
		t.logEnd(err, "connection refused")
	}
}

func (t *tunnel) connect(o Opener, offer ssh.NewChannel) error {
	ctx, cancel := t.set.during(o)
	defer cancel()
	if t.Target == (Endpoint{}) {
		return t.connectAsked(ctx, o, offer)
	}
	conn, err := t.rules().dial(ctx, t.Target)
	if err != nil {
		return errors.Join(err, offer.Reject(ssh.ConnectionFailed, "connect failed"))
	}
	channel, requests, err := offer.Accept()
	if err != nil {
		_ = conn.Close()
		return err
	}
	s := newStream(channel, requests, o.Done())
	t.pass(conn, s, t.set.ctx.Done())
	s.forget()
	return nil
}

// rules returns those that hold now.
func (t *tunnel) rules() Rules {
	t.set.mu.Lock()
	defer t.set.mu.Unlock()
	return t.Rules
}

// during returns a context that ends with the SSH connection or the set.
func (s *Set) during(o Opener) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(s.ctx)
	go func() {
		select {
		case <-o.Done():
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

// connectAsked connects a channel to where its client wants by SOCKS.
func (t *tunnel) connectAsked(ctx context.Context, o Opener, offer ssh.NewChannel) error {
	channel, requests, err := offer.Accept()
	if err != nil {
		return err
	}
	s := newStream(channel, requests, o.Done())
	defer s.forget()
	late := time.AfterFunc(greeting, func() { _ = s.Close() })
	defer late.Stop()
	defer context.AfterFunc(ctx, func() { _ = s.Close() })()
	request, err := readSOCKS(s)
	if err != nil {
		return err
	}
	if !t.rules().permits(request.target) {
		return request.refuse(s, forbidden5, errors.New("PermitRemoteOpen has no "+request.target.String()))
	}
	conn, err := t.rules().dial(ctx, request.target)
	if err != nil {
		return request.refuse(s, failed5, err)
	}
	late.Stop()
	if _, err := s.Write(request.reply(granted5)); err != nil {
		_ = conn.Close()
		return err
	}
	t.pass(conn, s, t.set.ctx.Done())
	return nil
}

// dial connects to a target from here.
func (r Rules) dial(ctx context.Context, target Endpoint) (duplex, error) {
	dialer := net.Dialer{Timeout: dialLimit}
	network, address := "tcp", net.JoinHostPort(target.Host, strconv.Itoa(target.Port))
	switch {
	case target.Path != "":
		network, address = "unix", fileName(target.Path)
	case r.Family == "inet":
		network = "tcp4"
	case r.Family == "inet6":
		network = "tcp6"
	}
	conn, err := dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return conn.(duplex), nil
}
