// Package remotesh runs scripts of POSIX sh on the remote: what starts a shell
// there ([Runner]), how a script begins, how its output is read, and how it
// fails. It has the functions that several scripts share: socket.sh tells whose
// a socket is, agent.sh finds that of the forwarded agent, place.sh the place
// of the link, and loops.sh tells an agent that is reached through the link.
//
// The package knows nothing of SSH. Whatever a shell says is hostile: every
// line, length and count is bounded.
package remotesh
