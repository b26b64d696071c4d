// Package doctor finds out whether all that a mosh session with an agent needs
// is there: on this machine, on the remote, and between the two. [Examine]
// makes the checks and reports each as a [Check], which is data. Other packages
// put it into words.
//
//	here:     the programs, the locale, the agent, the keeper
//	between:  the SSH connection, which is the keeper's, then UDP, by a
//	          handshake with a real mosh-server (mosh.Session.Contact)
//	there:    what probe.sh sees on the remote, and a signature of the agent
//
// The doctor looks at the remote through the keeper, so that it examines what a
// launch would use. Where no keeper runs, the doctor starts one, which ends
// when the doctor leaves. The doctor sets nothing up. A session with a
// forwarded agent changes the link by itself (~/.ssh/rc); the doctor takes that
// back.
//
// The doctor bounds and checks all that comes from the remote before it uses
// it.
package doctor
