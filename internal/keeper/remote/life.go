package remote

import (
	"errors"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/mosha-ssh/mosha/internal/keeper/pulse"
	"github.com/mosha-ssh/mosha/internal/sshconn"
)

// life is what is known of whether a connection lives, and asks about it.
//
//	         first answer            late
//	let in --------------> works ----------> in doubt
//	   \                     ^                |  ^
//	    \                    +---- answer ----+  |
//	     +------------- none in time ------------+
//
// From each of them it ends, by itself or when it is given up.
type life struct {
	c         *Connection
	pulse     *pulse.Pulse
	questions chan uint64 // of the pulse, at most one

	made     time.Time     // when the server let us in
	answered chan struct{} // closed with its first answer
	first    sync.Once     // closes that

	mu      sync.Mutex
	doubted bool          // it does not answer
	trip    time.Duration // of a question and its answer as last measured, 0: not yet
	ended   bool          // it is gone
	why     error         // how it ended, if that is known
}

func newLife(c *Connection) *life {
	alive := c.Config.ServerAliveInterval
	l := &life{c: c, questions: make(chan uint64, 1), made: time.Now(), answered: make(chan struct{})}
	l.pulse = pulse.New(alive, alive*time.Duration(c.Config.ServerAliveCountMax))
	l.pulse.Took, l.pulse.Probe = c.First, c.ssh.Probe
	l.pulse.Ask, l.pulse.Overdue, l.pulse.Alive = l.ask, func() { l.doubt(true) }, l.alive
	return l
}

// beats begins to ask. Where the server allows one session, nothing can be asked.
func (l *life) beats() {
	if l.c.ssh.Facts().OneSession {
		l.answers()
		return
	}
	l.c.goes(l.putQuestions)
	l.c.goes(func() { l.pulse.Run(l.c.ctx) })
}

// ends notes that the connection is gone.
func (l *life) ends(why error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended, l.why = true, why
}

// Answered reports whether the server has answered since the login: before, a
// connection is not known to work.
func (l *life) Answered() bool { return isClosed(l.answered) }

// Doubted reports whether the connection does not answer.
func (l *life) Doubted() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.doubted
}

// Ended reports whether the connection is gone.
func (l *life) Ended() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ended
}

// RoundTrip returns the time of a question and its answer as last measured, 0
// before that.
func (l *life) RoundTrip() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.trip
}

// Works reports whether there is a connection and nothing speaks against it.
func (c *Connection) Works() bool { return c != nil && !c.Doubted() && !c.Ended() && !c.Over() }

// Ready reports whether clients may use the connection. Where somebody typed for
// it, it has to work first: it could not be made again behind their back.
func (c *Connection) Ready() bool {
	return c.Works() && (!c.ssh.Facts().Typed || c.Answered())
}

// Unproven returns why a connection ended, or is given up, before it has
// answered.
func (l *life) Unproven() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var said *sshconn.DisconnectError
	var key *sshconn.HostKeyError
	switch {
	case errors.As(l.why, &said), errors.As(l.why, &key):
		return l.why
	case l.ended:
		return &sshconn.ClosedError{Host: l.c.Config.HostName, Port: l.c.Config.Port, Phase: sshconn.PhaseSession}
	}
	seconds := int(time.Since(l.made).Round(time.Second).Seconds())
	return &sshconn.TimeoutError{Host: l.c.Config.HostName, Port: l.c.Config.Port, Phase: sshconn.PhaseSession, Seconds: seconds}
}

// Disturbed looks at the connection after a network event: it asks whether it
// lives, now. One that comes from an address that this machine no longer has is
// in doubt, but may live on, should the address come back.
func (l *life) Disturbed() {
	l.pulse.Check()
	if AddressGone(l.c.ssh.LocalAddr()) {
		l.doubt(true)
	}
}

// AddressGone reports whether the machine no longer has this address of a
// connection.
func AddressGone(addr net.Addr) bool {
	local, ok := addr.(*net.TCPAddr)
	if !ok {
		return false
	}
	ours, err := net.InterfaceAddrs()
	return err == nil && !slices.ContainsFunc(ours, func(a net.Addr) bool {
		prefix, ok := a.(*net.IPNet)
		return ok && prefix.IP.Equal(local.IP)
	})
}

// doubt notes whether the connection is in doubt. The owner is told of news only.
func (l *life) doubt(doubted bool) {
	l.mu.Lock()
	news := l.doubted != doubted
	l.doubted = doubted
	l.mu.Unlock()
	if news {
		l.c.owner.Changed()
	}
}

// ask puts a question of the pulse. It does not block, as a write into a
// dead network would. One is put before the next is asked, unless the remote
// makes answers up; a question that finds no room then stays without one.
func (l *life) ask(token uint64) {
	select {
	case l.questions <- token:
	default:
	}
}

// putQuestions puts each question to the holder, whose answer proves the whole
// way; where no holder runs, to the server itself. One goroutine for all of
// them has to grow its stack only once.
func (l *life) putQuestions() {
	for {
		select {
		case token := <-l.questions:
			if h := l.c.holding.current(); h != nil {
				h.Ping(token)
			} else if l.c.ssh.RoundTrip() == nil {
				l.pulse.Answered(token)
			}
		case <-l.c.ctx.Done():
			return
		}
	}
}

// answers notes the server's first answer after the login.
func (l *life) answers() {
	l.first.Do(func() {
		close(l.answered)
		l.c.owner.Answered(l.c, time.Since(l.made))
	})
}

// alive notes an answer to a question. There are twelve a minute, so the owner
// hears of the time that it took alone. A round trip time of 0 is not known.
func (l *life) alive(roundTrip time.Duration) {
	l.answers()
	if roundTrip > 0 {
		l.mu.Lock()
		l.trip = roundTrip
		l.mu.Unlock()
		l.c.owner.Measured(roundTrip)
	}
	l.doubt(false)
}
