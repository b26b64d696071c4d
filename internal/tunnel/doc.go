// Package tunnel forwards connections as ssh's -L, -R and -D do, over an SSH
// connection that comes and goes.
//
//	client -> listener (here) -> relay -> channel ==SSH==> server -> target    -L, -D
//	target <- relay (here) <- channel <==SSH== listener (server) <- client     -R
//
// A Set has the tunnels. Whoever holds the SSH connection gives it to the Set
// when it works (Use), and takes it back when it is in doubt or gone (Use with
// nil). Listeners here stay open meanwhile, and a connection made to one waits
// for the next SSH connection; listeners on the server are asked for again on
// each. A relay belongs to one SSH connection and is reset when that ends.
//
// The server is not trusted: it gets a relay only for what was asked of it, and
// all relays of a Set together are bounded.
package tunnel
