package control

import (
	"fmt"
)

// SetupError reports that setting the remote up failed, or writing some of its
// files, all for the same reason.
type SetupError struct {
	Paths []string // as in ~/.bashrc; none: nothing could be done
	Err   error    `json:"-"`
}

func (e *SetupError) Error() string { return fmt.Sprintf("set-up: %v", e.Err) }

func (e *SetupError) Unwrap() error { return e.Err }

// NoKeysError reports that the agent of the newest launch, at Path, has no keys.
// Others is set if the sessions have those of an earlier launch's.
type NoKeysError struct {
	Path   string
	Others bool
}

func (e *NoKeysError) Error() string { return "the agent at " + e.Path + " has no keys" }

// VersionError reports that a client and a keeper of different versions met.
type VersionError struct{ Keeper, Client int }

func (e *VersionError) Error() string {
	return fmt.Sprintf("the keeper speaks version %d of the control protocol, the client %d", e.Keeper, e.Client)
}

// RoomError reports that the server opens no further session on a connection.
type RoomError struct {
	OpenSSH bool // it is OpenSSH's sshd: MaxSessions in sshd_config(5)
}

func (e *RoomError) Error() string { return "the server opens no more sessions on the connection" }

// ExpiredError reports that the server runs nothing but passwd(1), since the
// user's password has expired.
type ExpiredError struct{ User, Host string }

func (e *ExpiredError) Error() string {
	return fmt.Sprintf("the password of %s on %s has expired", e.User, e.Host)
}

// BusyError reports that the set-up cannot be taken back, because the keeper is
// there for sessions or because it is to stay.
type BusyError struct {
	Sessions int // 0: it is to stay
}

func (e *BusyError) Error() string {
	if e.Sessions == 0 {
		return "the keeper is to stay until it is stopped"
	}
	return fmt.Sprintf("the keeper has %d sessions", e.Sessions)
}

// TransportError reports that a launch wants another transport than the one that
// carries the open connection.
type TransportError struct{ Wanted, Open string }

func (e *TransportError) Error() string {
	return fmt.Sprintf("the transport %s was asked for, but the open connection is carried by %s", e.Wanted, e.Open)
}
