// Package hostkey decides whether a server's host key is the right one, as ssh
// does: what is known of it, what StrictHostKeyChecking makes of that, and what a
// person is asked. It writes down what was accepted.
//
//	New -> Verifier --Check: first key--> pinned --UpdateHostKeys--> Updater
//	          |             \--> refused: *sshconn.HostKeyError
//	          \--LeaveToSSH: OpenSSH knows more of host keys (openssh.go)
//
// Recheck decides about the key of a connection that is open already.
package hostkey
