package guard

import "fmt"

// Side says which of the two peers of a channel an error comes from.
type Side string

// The two peers.
const (
	Remote Side = "remote" // the client on the remote host
	Agent  Side = "agent"  // the local ssh-agent
)

// Error is why a channel ended, if not because the remote client closed it.
type Error struct {
	Side Side
	Op   string // "dial", "bind", "read" or "write"
	Err  error
}

func (e *Error) Error() string { return fmt.Sprintf("%s: %s: %v", e.Side, e.Op, e.Err) }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

var (
	// errLength is a frame whose length is zero or over MaxFrame. The bytes that
	// follow it cannot be told apart, so the channel ends.
	errLength = fmt.Errorf("not 1 to %d", MaxFrame)
	// errUnread is the end of a channel whose client sent more than one frame
	// ahead of the request that the agent works on.
	errUnread = fmt.Errorf("more than %d bytes were sent ahead of an answer", maxUnread)
)
