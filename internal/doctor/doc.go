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
// UDP is judged by a handshake: the doctor starts mosh-server as a launch does,
// and sends what mosh-client sends first until the server answers with a
// datagram that only it can make. That needs no terminal, no locale and no
// mosh-client here, and tells silence from a rejection. The key stays in memory.
//
// The probe asks a login shell for its SSH_AUTH_SOCK in an environment like a
// login's. The shell believes to be in a window of screen (STY), since there may
// be no link while the doctor looks: what counts is what a session has. Set-up
// is the cure only where it would write something that this shell reads.
//
// That somebody listens at a link to another machine's agent says little, so
// the doctor asks through it, with a time limit. The forwarded agent is judged
// by a signature that ssh-add asks for on the remote and verifies there. Which
// line of sshd_config or option of a key is to blame is a guess from what the
// doctor can read there. That something does not work is none: it was seen.
//
// The doctor bounds and checks all that comes from the remote before it uses
// it.
package doctor
