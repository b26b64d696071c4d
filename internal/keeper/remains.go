package keeper

import (
	"slices"

	"github.com/mosha-ssh/mosha/internal/link"
)

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
	sshd  link.Sshd
}

// maxRemains is how many are remembered. Of so many connections that broke in
// a row, each before it could end what was left of the others, the first have
// mostly been given up by TCP.
const maxRemains = 8

// leave notes what will be left of a connection if it breaks, and returns what
// is left of earlier ones, the oldest first.
func (k *Keeper) leave(own remains) (others []remains) {
	k.update(func() {
		others = slices.DeleteFunc(slices.Clone(k.remains), func(r remains) bool {
			return r == own || r.sshd.PID != 0 && r.sshd == own.sshd // an earlier holder of this connection
		})
		others = others[max(0, len(others)+1-maxRemains):]
		k.remains = slices.Clone(others)
		if own != (remains{}) {
			k.remains = append(k.remains, own)
		}
	})
	return others
}

// forget drops remains that are gone, or that nothing can be done about.
func (k *Keeper) forget(gone remains) {
	k.update(func() {
		k.remains = slices.DeleteFunc(k.remains, func(r remains) bool { return r == gone })
	})
}
