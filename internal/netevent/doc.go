// Package netevent tells at once that the network changed or that time went by
// unnoticed, so that a connection can be probed, and dialed anew, in the moment
// when that can succeed, and not when a timer runs out.
//
// The kernel tells of the network: over rtnetlink(7) on Linux, over the routing
// socket, route(4), elsewhere. What it says is only believed to the extent that
// something happened; the messages are many, and most of them change nothing
// for a connection. The price of an event too many is one small packet, the
// price of one too few is a connection that comes back late, so that in doubt
// there is an event.
//
// A machine's sleep is known by its clocks: see gap. The kernel is waited for in
// Go's poller, so that no wait takes a thread.
package netevent
