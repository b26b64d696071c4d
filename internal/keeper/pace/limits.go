package pace

import (
	"errors"
	"time"

	"github.com/mosha-ssh/mosha/internal/sshconn"
)

const (
	// connectLimit is for the TCP connect while the keeper comes back, beside
	// five round trips. A SYN goes out again and again meanwhile.
	connectLimit, maxConnectLimit = 3 * time.Second, 12 * time.Second
	// lookupLimit is for the lookup of a name of which no address is known: a
	// resolver asks the second name server after 5 s.
	lookupLimit = 7 * time.Second
	// silenceLimit is how long a server may say nothing, beside twenty round
	// trips. A machine with a slow processor needs a second for its part of the
	// key exchange.
	silenceLimit = 4 * time.Second
	// proxyLimit is between these: a proxy that hangs, since the network broke
	// while it was on its way, is not to hold up the next one for long.
	minProxyLimit, maxProxyLimit = 10 * time.Second, time.Minute
	// maxSilence is the longest that a server may be silent that was so before.
	maxSilence = time.Minute
)

// Learned is how long the other side took for its part the last time, 0 where
// that is not known. While the keeper comes back each may take twice as long:
// what is slow is not dead. An attempt that runs into a limit shows that
// it takes at least as long, so that the next one has more.
type Learned struct {
	Connect time.Duration // the TCP connect, if it took too long
	Silent  time.Duration // the server's slowest answer up to the login
	Proxied time.Duration // until the server's first word came through a proxy
	First   time.Duration // from the login to the first answer
}

// Limits returns those of an attempt in the background.
func (l Learned) Limits(roundTrip time.Duration) sshconn.Limits {
	limits := sshconn.Limits{
		Lookup:  lookupLimit,
		Connect: max(connectLimit, 5*roundTrip, min(2*l.Connect, maxConnectLimit)),
		Silence: max(silenceLimit+20*roundTrip, min(2*l.Silent, maxSilence)),
	}
	if l.Proxied > 0 { // else the proxy decides
		limits.Proxy = min(max(2*l.Proxied, minProxyLimit), maxProxyLimit)
	}
	return limits
}

// Succeeded takes what a login took.
func (l *Learned) Succeeded(facts sshconn.Facts) {
	l.Connect, l.Silent, l.Proxied = 0, facts.Silent, facts.Proxied
}

// Failed takes what an attempt with these limits has run into.
func (l *Learned) Failed(err error, limits sshconn.Limits) {
	var late *sshconn.TimeoutError
	switch {
	case !errors.As(err, &late) || limits == (sshconn.Limits{}): // a person waits
	case late.Phase == sshconn.PhaseSession:
		l.First = time.Duration(late.Seconds) * time.Second
	case l.Proxied > 0 && late.Phase != sshconn.PhaseAuth:
		l.Proxied, l.Silent = limits.Proxy, limits.Silence
	case late.Phase == sshconn.PhaseConnect:
		l.Connect = limits.Connect
	default: // there is a limit for all up to the host key, too
		l.Silent = max(limits.Silence, time.Duration(late.Seconds)*time.Second)
	}
}
