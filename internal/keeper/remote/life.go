package remote

import (
	"errors"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/mosha-ssh/mosha/internal/sshconn"
)

// life is what is known of whether a connection lives.
//
//	let in --first answer--> works <--late-- in doubt
//	  |                        |  --no answer-->  |
//	  +--no answer in time-----|--> in doubt      |
//	                           +------ gone ------+
type life struct {
	made     time.Time     // when the server let us in
	answered chan struct{} // closed with its first answer
	first    sync.Once     // closes that

	mu      sync.Mutex
	doubted bool          // it does not answer
	trip    time.Duration // of a question and its answer as last measured, 0: not yet
	ended   bool          // it is gone
	why     error         // how it ended, if that is known
}

func newLife() *life { return &life{made: time.Now(), answered: make(chan struct{})} }

// doubts notes whether the connection is in doubt, and reports whether that is
// news.
func (l *life) doubts(doubted bool) (news bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	news = l.doubted != doubted
	l.doubted = doubted
	return news
}

func (l *life) measured(trip time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.trip = trip
}

func (l *life) end(why error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended, l.why = true, why
}

// Answered reports whether the server has answered since the login: before, a
// connection is not known to work.
func (c *Connection) Answered() bool { return isClosed(c.life.answered) }

// Doubted reports whether the connection does not answer.
func (c *Connection) Doubted() bool {
	c.life.mu.Lock()
	defer c.life.mu.Unlock()
	return c.life.doubted
}

// Ended reports whether the connection is gone.
func (c *Connection) Ended() bool {
	c.life.mu.Lock()
	defer c.life.mu.Unlock()
	return c.life.ended
}

// RoundTrip returns the time of a question and its answer as last measured, 0
// before that.
func (c *Connection) RoundTrip() time.Duration {
	c.life.mu.Lock()
	defer c.life.mu.Unlock()
	return c.life.trip
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
func (c *Connection) Unproven() error {
	c.life.mu.Lock()
	defer c.life.mu.Unlock()
	var said *sshconn.DisconnectError
	var key *sshconn.HostKeyError
	switch {
	case errors.As(c.life.why, &said), errors.As(c.life.why, &key):
		return c.life.why
	case c.life.ended:
		return &sshconn.ClosedError{Host: c.Config.HostName, Port: c.Config.Port, Phase: sshconn.PhaseSession}
	}
	seconds := int(time.Since(c.life.made).Round(time.Second).Seconds())
	return &sshconn.TimeoutError{Host: c.Config.HostName, Port: c.Config.Port, Phase: sshconn.PhaseSession, Seconds: seconds}
}

// Disturbed looks at the connection after a network event: it asks whether it
// lives, now. One that comes from an address that this machine no longer has is
// in doubt, but may live on, should the address come back.
func (c *Connection) Disturbed() {
	c.pulse.Check()
	if AddressGone(c.ssh.LocalAddr()) {
		c.doubt(true)
	}
}

// AddressGone reports whether the machine no longer has this address of a connection.
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

// doubt notes whether the connection is in doubt.
func (c *Connection) doubt(doubted bool) {
	if c.life.doubts(doubted) {
		c.owner.Changed()
	}
}

// ask has a question of the pulse put. It does not block, as a write into a
// dead network would. One is put before the next is asked, unless the remote
// makes answers up; a question that finds no room then stays without one.
func (c *Connection) ask(token uint64) {
	select {
	case c.questions <- token:
	default:
	}
}

// putQuestions puts each question to the holder, whose answer proves the whole
// way; where no holder runs, to the server itself. One goroutine for all of
// them has to grow its stack only once.
func (c *Connection) putQuestions() {
	for {
		select {
		case token := <-c.questions:
			if h := c.holding.current(); h != nil {
				h.Ping(token)
			} else if c.ssh.RoundTrip() == nil {
				c.pulse.Answered(token)
			}
		case <-c.ctx.Done():
			return
		}
	}
}

// answers notes the server's first answer after the login.
func (c *Connection) answers() {
	c.life.first.Do(func() {
		close(c.life.answered)
		c.owner.Answered(c, time.Since(c.life.made))
	})
}

// alive notes an answer to a question. The owner is told of a change only:
// twelve answers a minute would wake all who wait for news. A round trip time of
// 0 is not known.
func (c *Connection) alive(roundTrip time.Duration) {
	c.answers()
	if roundTrip > 0 {
		c.life.measured(roundTrip)
		c.owner.Measured(roundTrip)
	}
	c.doubt(false)
}
