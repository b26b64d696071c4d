// Package netevent reports at once that the network changed or that time went
// by unnoticed. So the keeper can probe a connection, and dial anew, in the
// moment when that can succeed, and not when a timer runs out.
//
// The kernel reports the network's changes: over rtnetlink(7) on Linux, over
// the routing socket, route(4), elsewhere. The messages are many, and most of
// them change nothing for a connection; this package believes of them no more
// than that something happened. An event too many costs one small packet. One
// too few costs a connection that comes back late. So in doubt there is an
// event.
//
// The clocks show a machine's sleep: see gap. Go's poller waits for the kernel,
// so that no wait takes a thread.
package netevent
