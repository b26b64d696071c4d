package tunnel

import (
	"errors"
	"fmt"
)

// InUseError reports that something else listens at an address of a tunnel.
type InUseError struct {
	Address string
	PID     int    // who has it, 0 if that is not known
	Program string // its name
}

func (e *InUseError) Error() string {
	if e.PID == 0 {
		return e.Address + " is in use"
	}
	return fmt.Sprintf("%s is in use by %s (process %d)", e.Address, e.Program, e.PID)
}

// SharedError reports that another tunnel has the listener of a tunnel on the
// server.
type SharedError struct {
	Address string
	By      Spec
}

func (e *SharedError) Error() string {
	return e.Address + " is used by another tunnel, " + e.By.Flag()
}

// ListenError reports that nothing can listen at an address of a tunnel here.
type ListenError struct {
	Address string
	Message string
}

func (e *ListenError) Error() string {
	return fmt.Sprintf("cannot listen on %s: %s", e.Address, e.Message)
}

// RefusedError reports that the server does not listen for a tunnel: something
// has the address there, or it allows no forwarding. It does not tell which.
type RefusedError struct {
	Address string
	Held    bool // it did before: an earlier connection may still hold it
}

func (e *RefusedError) Error() string {
	if e.Held {
		return e.Address + " is still held on the server"
	}
	return "the server does not listen on " + e.Address
}

var (
	// ErrNone reports that there is no such tunnel.
	ErrNone = errors.New("no such tunnel")
	// ErrClosed reports that the set was closed.
	ErrClosed = errors.New("the tunnels have ended")

	errNoConnection = errors.New("no connection to the server in time")
)
