// Package doctor finds out whether all that a mosh session with an agent needs
// is there: on this machine, on the remote, and between the two. [Examine]
// makes the checks and reports each as a [Check], which is data; the words for
// a person are cmd's.
//
//	here:     the programs, the locale, the agent, the keeper
//	between:  the SSH connection, which is the keeper's, then UDP, by a
//	          handshake with a real mosh-server (mosh.Session.Contact)
//	there:    what probe.sh sees on the remote, and a signature of the agent
//
// The remote is looked at through the keeper, so that what is examined is what
// a launch would use. Where none runs, one is started, and it ends when the
// doctor leaves. Nothing is set up; what a session with a forwarded agent does
// to the link by itself (~/.ssh/rc) is taken back.
//
// All that comes from the remote is bounded and checked before it is used.
package doctor
