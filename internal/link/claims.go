package link

import (
	"slices"
	"sync"
)

// whose is who has the link by right, as far as this machine knows.
//
//	         a person acts here             the holder has answered the claim
//	theirs ---------------------> claimed ------------------------------------> ours
//	  ^                            ^                                            |  |
//	  |                            +---------- a person acts here --------------+  |
//	  +--- another machine has it although this one would have taken it back ------+
//
// In ours and claimed this machine is the actor, see holder.sh.
type whose int

const (
	theirs  whose = iota // a person has acted elsewhere since, or it is not known
	claimed              // a person wants the link here, and no holder has answered for that
	ours                 // a person's launch here was the last act
)

// Claims is what a keeper knows of who owns the link, from one connection to
// the next: whose it is by right, and what earlier connections have left on the
// server. Its lock is its own.
type Claims struct {
	changed func() // called without the lock when Ours is another than before

	mu      sync.Mutex
	whose   whose
	remains []remains // the oldest first
}

// NewClaims returns the claims of a keeper that begins. isOurs is what Ours was
// in the keeper before it. changed is called when that is no longer so.
func NewClaims(isOurs bool, changed func()) *Claims {
	c := &Claims{changed: changed}
	if isOurs {
		c.whose = ours
	}
	return c
}

// Ours reports whether the link is this machine's by right.
func (c *Claims) Ours() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.whose != theirs
}

// Claim notes that a person acts here. Should the connection break before a
// holder has taken the link for them, the next one does.
func (c *Claims) Claim() { c.become(claimed, theirs, claimed, ours) }

// answered notes that a holder has taken the link for a person, or cannot.
func (c *Claims) answered() { c.become(ours, claimed) }

// lost notes that another machine has the link. If this one would have taken it
// back, a person has acted there since; unless one acted here, whose claim is
// under way.
func (c *Claims) lost() { c.become(theirs, ours) }

// become changes whose the link is if that was one of from.
func (c *Claims) become(to whose, from ...whose) {
	c.mu.Lock()
	before := c.whose
	if slices.Contains(from, before) {
		c.whose = to
	}
	changed := (before == theirs) != (c.whose == theirs)
	c.mu.Unlock()
	if changed {
		c.changed()
	}
}

// pending reports whether a person wants the link here and no holder has answered
// for that yet.
func (c *Claims) pending() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.whose == claimed
}

// order returns the order that takes the link: for a person who has come, or
// from what is left of earlier connections.
func (c *Claims) order(from []remains) (order order, claims bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.whose == claimed {
		return claim, true
	}
	var sockets []string
	for _, r := range from {
		sockets = append(sockets, r.agent)
	}
	return reclaim(c.whose == ours, sockets...), false
}

// remains is what a connection that breaks leaves on the server for a while:
// an sshd that does not know it yet, and its agent socket, which accepts and
// then hangs. The link may lead there.
//
// The keeper knows those of each connection whose holder has introduced itself,
// the present one's among them, until a later holder has answered the order to
// end them. A connection may break at any moment, before its holder has put
// its predecessors away as well as after:
//
//	                  the network may go here, and known are
//	holder starts     those of earlier connections
//	its first lines   its own as well, from now on
//	reclaim           takes the link from all of them; goes out only now, so
//	                  that no link leads to a socket that is not known
//	bury, for each    goes out with it
//	answer to each    the others no longer
//
// Only a claim goes out with the script, as a launch must not wait. Should its
// connection break before the first lines, the next one claims the link again,
// and the sshd is ended by its own holder, which never gets an order.
type remains struct {
	agent string // "" if none was forwarded
	sshd  process
}

// maxRemains is how many are remembered. Of so many connections that broke in
// a row, each before it could end what was left of the others, the first have
// mostly been given up by TCP.
const maxRemains = 8

// leave notes what will be left of a connection if it breaks, and returns what
// is left of earlier ones, the oldest first.
func (c *Claims) leave(own remains) []remains {
	c.mu.Lock()
	defer c.mu.Unlock()
	others := slices.DeleteFunc(slices.Clone(c.remains), func(r remains) bool {
		return r == own || r.sshd.PID != 0 && r.sshd == own.sshd // an earlier holder of this connection
	})
	others = others[max(0, len(others)+1-maxRemains):]
	c.remains = slices.Clone(others)
	if own != (remains{}) {
		c.remains = append(c.remains, own)
	}
	return others
}

// forget drops remains that are gone, or that nothing can be done about.
func (c *Claims) forget(gone remains) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.remains = slices.DeleteFunc(c.remains, func(r remains) bool { return r == gone })
}
