package sshconfig

import (
	"errors"
	"fmt"
	"syscall"
)

// QuoteError says that the value of --ssh ends inside a quote or after a
// backslash.
type QuoteError struct {
	Text  string // the whole value
	Quote string // the quote that is not closed, or a backslash
}

func (e *QuoteError) Error() string { return fmt.Sprintf("unfinished %s in %q", e.Quote, e.Text) }

// WordsError says that ssh would take the words of --ssh, with what mosha adds
// to them, for something else than options.
type WordsError struct {
	Option string // that lacks its value, such as -p
	Host   string // what is in the place of the destination, if Option is empty
}

func (e *WordsError) Error() string {
	if e.Option != "" {
		return e.Option + " needs a value"
	}
	return fmt.Sprintf("%q is taken for the host", e.Host)
}

// NoSSHError says that the ssh program could not be started. It wraps
// exec.ErrNotFound if there is none.
type NoSSHError struct {
	Program string
	Err     error `json:"-"`
}

func (e *NoSSHError) Error() string {
	why := e.Err
	if errno := syscall.Errno(0); errors.As(e.Err, &errno) {
		why = errno // without the name, which the others repeat
	}
	return fmt.Sprintf("cannot run %s: %v", e.Program, why)
}

func (e *NoSSHError) Unwrap() error { return e.Err }

// SSHError says that ssh itself refused the destination, an option or its
// configuration.
type SSHError struct {
	Program string // ssh, or what is in its place
	Dest    string
	Status  int    // exit status, -1 if a signal ended it
	Message string // the first line that ssh wrote to stderr, may be empty
}

func (e *SSHError) Error() string {
	if e.Message == "" {
		return fmt.Sprintf("%s -G %s: exit status %d", e.Program, e.Dest, e.Status)
	}
	return e.Message
}

// DestinationError says that a destination, host name or user name cannot be
// one: it is empty, or holds characters that are unsafe in a command.
type DestinationError struct {
	What  string // "destination", "host name" or "user name"
	Value string
}

func (e *DestinationError) Error() string {
	if e.Value == "" {
		return "empty " + e.What
	}
	return fmt.Sprintf("%s %q contains invalid characters", e.What, e.Value)
}
