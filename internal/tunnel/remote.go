package tunnel

import (
	"errors"
	"path"
	"time"

	"golang.org/x/crypto/ssh"
)

const (
	// firstAsk and lastAsk are the waits before the server is asked again: what
	// holds the address there may be what an earlier connection left, which ends
	// soon.
	firstAsk, lastAsk = 100 * time.Millisecond, 30 * time.Second
	// lastHeld is the longest wait where the server has listened before, for as
	// long as heldTime.
	lastHeld, heldTime = time.Second, time.Minute
)

// listening is a listener on the server, as its channels name it.
type listening struct {
	opener Opener
	host   string
	port   int
	path   string
}

// tries are those to have the server listen on one SSH connection.
type tries struct {
	opener  Opener
	began   time.Time
	rest    time.Duration
	removed bool // a socket on the server
}

// next returns the wait before the next try, some time after the first one.
func (r *tries) next(held bool, since time.Duration) time.Duration {
	most := lastAsk
	if held && since < heldTime {
		most = lastHeld
	}
	r.rest = max(firstAsk, min(r.rest*2, most))
	return r.rest
}

// runRemote asks the server to listen, on each SSH connection anew.
func (t *tunnel) runRemote() {
	var try tries
	for {
		o, err := t.set.ready(t.ctx)
		if err != nil {
			return
		}
		if try.opener != o {
			try = tries{opener: o, began: time.Now()}
		}
		held := t.held()
		at, err := t.ask(o, held)
		if err != nil && !isClosed(o.Done()) && t.ctx.Err() == nil {
			t.become(Failed, err)
			t.remove(at, err, &try)
			t.pause(try.next(held, time.Since(try.began)), o.Done())
		}
		if err == nil {
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

// remove removes the socket at which the server refused to listen, if it is what
// an earlier connection left. It does so once for each SSH connection: somebody
// else may put theirs there at any time.
func (t *tunnel) remove(at listening, why error, try *tries) {
	var refused *RefusedError
	if !errors.As(why, &refused) || !refused.Held || try.removed || t.set.Unlink == nil || !path.IsAbs(at.path) {
		return
	}
	if t.isDead(at) {
		try.removed = true
		t.set.Unlink(t.ctx, at.opener, at.path)
	}
}

// isDead reports whether the server cannot connect to a socket there. A server
// that forbids such connections may answer the same.
func (t *tunnel) isDead(at listening) bool {
	kind, extra := opening(Endpoint{Path: at.path}, nil)
	channel, err := t.set.openOver(t.ctx, at.opener, kind, extra)
	if err == nil { // somebody listens
		t.set.work.Go(channel.forget)
		return false
	}
	var refused *ssh.OpenChannelError
	return errors.As(err, &refused) && refused.Reason == ssh.ConnectionFailed
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
	if err := t.set.expect(at, t); err != nil {
		return at, err
	}
	if _, err := t.request(at); err != nil {
		t.set.dismiss(at, t)
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
	if err := t.set.expect(at, t); err != nil { // no server should choose that port
		return at, err
	}
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

// request asks the server to listen, and returns the port. It gives up when the
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
// No other tunnel may ask for it before the server has ended it.
func (t *tunnel) forsake(at listening) {
	defer t.set.dismiss(at, t)
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

// expect notes that a tunnel serves the channels of a listener. The error is
// *SharedError: another tunnel does.
func (s *Set) expect(at listening, t *tunnel) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if other := s.listeners[at]; other != nil && other != t {
		return &SharedError{Address: t.Listen.on(at.port), By: other.Spec}
	}
	s.listeners[at] = t
	return nil
}

// dismiss notes that a tunnel no longer serves the channels of a listener.
func (s *Set) dismiss(at listening, t *tunnel) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listeners[at] == t {
		delete(s.listeners, at)
	}
}
