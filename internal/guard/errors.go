package guard

import "fmt"

// Side says which of the two peers of a channel an error comes from.
type Side string

// The two peers.
const (
	Remote Side = "remote" // the client on the remote host
	Agent  Side = "agent"  // the local ssh-agent
)

// Error is why a channel ended otherwise than by the remote client closing it.
type Error struct {
	Side Side
	Op   string // "dial", "bind", "read" or "write"
	Err  error
}

func (e *Error) Error() string { return fmt.Sprintf("%s: %s: %v", e.Side, e.Op, e.Err) }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// LengthError is a frame whose length is zero or over MaxFrame. What follows it cannot be told apart, so the channel ends.
type LengthError struct {
	Length uint32 // in bytes, as the peer announced it
}

func (e *LengthError) Error() string {
	return fmt.Sprintf("frame of %d bytes, not 1 to %d", e.Length, MaxFrame)
}

// BindReplyError is an answer to a session-bind that the protocol does not have.
type BindReplyError struct {
	Type byte // the reply's message type
}

func (e *BindReplyError) Error() string {
	return fmt.Sprintf("reply of type %d to session-bind", e.Type)
}
