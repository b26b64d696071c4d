package tunnel

import (
	"context"
	"errors"
	"net"
	"strconv"
	"time"

	"golang.org/x/crypto/ssh"
)

const (
	// firstAsk and lastAsk are the waits before the server is asked again: what
	// holds the address there may be what an earlier connection left, which ends
	// soon. lastHeld is the longest where the server has listened before.
	firstAsk, lastHeld, lastAsk = 100 * time.Millisecond, time.Second, 30 * time.Second
	// dialLimit bounds the way from here to the target.
	dialLimit = 30 * time.Second
)

// listening is a listener on the server, as its channels name it.
type listening struct {
	opener Opener
	host   string
	port   int
	path   string
}

// runRemote has the server listen, on each SSH connection anew.
func (t *tunnel) runRemote() {
	rest := firstAsk
	for {
		o, err := t.set.ready(t.ctx)
		if err != nil {
			return
		}
		held := t.held()
		at, err := t.ask(o, held)
		if err != nil && !isClosed(o.Done()) && t.ctx.Err() == nil {
			t.become(Failed, err)
			if held && at.path != "" && t.set.Unlink != nil {
				t.set.Unlink(t.ctx, o, at.path)
			}
			t.pause(rest, o.Done())
			most := lastAsk
			if held {
				most = lastHeld
			}
			rest = min(rest*2, most)
		}
		if err == nil {
			rest = firstAsk
			t.become(Up, nil)
			t.while(o)
			t.forsake(at)
		}
		if t.ctx.Err() != nil {
			return
		}
		if isClosed(o.Done()) {
			t.become(Waiting, nil)
		}
	}
}

// held reports whether the server has listened before.
func (t *tunnel) held() bool {
	t.set.mu.Lock()
	defer t.set.mu.Unlock()
	return t.Had
}

// while waits until the SSH connection has ended, or the tunnel is cancelled.
func (t *tunnel) while(o Opener) {
	select {
	case <-o.Done():
	case <-t.ctx.Done():
	}
}

// bindHost is the address as the server is told (channels.c,
// channel_rfwd_bind_host).
func (e Endpoint) bindHost() string {
	switch e.Host {
	case "":
		return "localhost"
	case "*":
		return ""
	}
	return e.Host
}

// ask asks the server to listen. Its channels are served from the moment on in
// which it may open them. A port that it chose before is asked for again.
func (t *tunnel) ask(o Opener, held bool) (listening, error) {
	t.set.mu.Lock()
	at := listening{opener: o, host: t.Listen.bindHost(), port: t.Listen.Port, path: t.Listen.Path}
	if t.port != 0 {
		at.port = t.port
	}
	t.set.mu.Unlock()
	if at.path != "" {
		at.host = ""
	}
	if at.path == "" && at.port == 0 {
		return t.askAny(at)
	}
	t.set.expect(at, t)
	if _, err := t.request(at); err != nil {
		t.set.expect(at, nil)
		return at, t.refusal(err, at.port, held)
	}
	return at, nil
}

// askAny lets the server choose the port. Channels wait meanwhile: one for it
// may come before its number is known.
func (t *tunnel) askAny(at listening) (listening, error) {
	t.set.asking.Lock()
	defer t.set.asking.Unlock()
	port, err := t.request(at)
	if err != nil {
		return at, t.refusal(err, 0, false)
	}
	at.port = port
	t.set.expect(at, t)
	t.set.update(func() { t.port = port })
	return at, nil
}

// refusal puts the server's no into an error with the address.
func (t *tunnel) refusal(err error, port int, held bool) error {
	if errors.Is(err, errRefused) {
		return &RefusedError{Address: t.Listen.on(port), Held: held}
	}
	return err
}

// on is the listener's address with a port.
func (e Endpoint) on(port int) string {
	if e.Path == "" {
		e.Port = port
	}
	return e.String()
}

// errRefused reports that the server does not listen.
var errRefused = errors.New("refused")

// request has the server listen, and returns the port. It gives up when the
// tunnel is cancelled.
func (t *tunnel) request(at listening) (port int, err error) {
	type answer struct {
		port int
		err  error
	}
	came := make(chan answer)
	go func() {
		port, err := at.request()
		select {
		case came <- answer{port, err}:
		case <-t.ctx.Done():
			if err == nil { // nobody waits for it any more
				at.port = port
				_, _, _ = at.send("cancel-")
			}
		}
	}()
	select {
	case a := <-came:
		return a.port, a.err
	case <-t.ctx.Done():
		return 0, t.ctx.Err()
	}
}

func (at listening) request() (port int, err error) {
	granted, answer, err := at.send("")
	switch {
	case err != nil:
		return 0, err
	case !granted:
		return 0, errRefused
	case at.path != "" || at.port != 0:
		return at.port, nil
	}
	var chosen struct{ Port uint32 }
	if ssh.Unmarshal(answer, &chosen) != nil || chosen.Port == 0 || chosen.Port > 65535 {
		return 0, errRefused
	}
	return int(chosen.Port), nil
}

// send sends the request for a listener, or with the prefix cancel- that for its
// end (RFC 4254, section 7.1; PROTOCOL, section 2.4).
func (at listening) send(prefix string) (bool, []byte, error) {
	if at.path != "" {
		return at.opener.SendRequest(prefix+"streamlocal-forward@openssh.com", true, ssh.Marshal(struct{ Path string }{at.path}))
	}
	return at.opener.SendRequest(prefix+"tcpip-forward", true, ssh.Marshal(struct {
		Host string
		Port uint32
	}{at.host, uint32(at.port)}))
}

// forsake ends the listener on the server, if the SSH connection is still there.
func (t *tunnel) forsake(at listening) {
	t.set.expect(at, nil)
	if isClosed(at.opener.Done()) {
		return
	}
	asked := make(chan struct{})
	go func() {
		defer close(asked)
		_, _, _ = at.send("cancel-")
	}()
	select {
	case <-asked:
	case <-at.opener.Done():
	case <-t.set.ctx.Done(): // the connection ends with the set
	case <-time.After(patience): // it does not answer
	}
}

// expect has a tunnel serve the channels of a listener; nil: nobody does.
func (s *Set) expect(at listening, t *tunnel) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t == nil {
		delete(s.listeners, at)
		return
	}
	s.listeners[at] = t
}

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
		s.warn().Str("host", at.host).Int("port", at.port).Str("path", at.path).Msg("the server has a connection for no tunnel")
	})
}

// expected returns the tunnel with this listener. It waits for those whose port
// is just being chosen.
func (s *Set) expected(at listening) *tunnel {
	s.asking.RLock()
	defer s.asking.RUnlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.listeners[at]
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
		t.set.log.Debug().Err(err).Str("tunnel", t.String()).Msg("connection refused")
	}
}

func (t *tunnel) connect(o Opener, offer ssh.NewChannel) error {
	ctx, cancel := t.set.during(o)
	defer cancel()
	if t.Target == (Endpoint{}) {
		return t.connectAsked(ctx, o, offer)
	}
	conn, err := t.Rules.dial(ctx, t.Target)
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
	if !t.Rules.permits(request.target) {
		return request.refuse(s, forbidden5, errors.New("PermitRemoteOpen has no "+request.target.String()))
	}
	conn, err := t.Rules.dial(ctx, request.target)
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
		network, address = "unix", target.Path
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
