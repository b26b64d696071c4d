// Package openssh is the transport that OpenSSH's own ssh carries, as a
// ControlMaster.
//
//	dial -> args, front: how ssh is run -> process -> conn
//	          relay: its connection, and the host key that goes by
//	          stderr -> failure: why it failed; speech: what a person sees
package openssh
