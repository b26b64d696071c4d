// Package guard stands between a remote host and the local ssh-agent. Every
// forwarded agent channel passes it.
//
// It works on the agent protocol's raw frames (draft-miller-ssh-agent,
// OpenSSH's PROTOCOL.agent): a uint32 length and that many bytes, of which the
// first is the message's type. Each channel gets a connection of its own to the
// agent, because an agent keeps state with a connection: what it was bound to,
// and so which keys it shows. The guard passes messages on byte for byte,
// because agents know extensions that this package does not.
//
// relay.go serves one channel and refuses requests there, by what message.go
// tells of them.
package guard
