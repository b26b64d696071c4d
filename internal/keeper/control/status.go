package control

import (
	"cmp"
	"context"
	"errors"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/mosha-ssh/mosha/internal/keeper/lease"
	"github.com/mosha-ssh/mosha/internal/keeper/rundir"
	"github.com/mosha-ssh/mosha/internal/sshconn/helper"
)

// State is what the connection is doing.
type State string

// The states of a connection. needs-auth is left only when a person attaches:
// what was refused once is not tried again behind their back.
const (
	Idle       State = "idle"
	Connecting State = "connecting" // for the first time, or for a person who waits
	Up         State = "up"
	Lost       State = "lost"    // trying to come back
	Waiting    State = "waiting" // for the time of the next attempt
	NeedsAuth  State = "needs-auth"
)

// Status is what a keeper reports about itself. Its JSON form is what
// "mosha status --json" prints, one object a line. Fields keep their names and
// meanings; new ones may come. Times are as in RFC 3339, durations in seconds.
type Status struct {
	Destination string `json:"destination"` // as it was typed
	HostName    string `json:"host_name"`
	User        string `json:"user"`
	Port        int    `json:"port"`

	State State     `json:"state"`
	Since time.Time `json:"since"`                // of the state; in Up, connected since then
	Lost  float64   `json:"lost_for,omitempty"`   // since the connection was lost
	Retry float64   `json:"retry_in,omitempty"`   // until the next attempt, in Waiting
	Trip  float64   `json:"round_trip,omitempty"` // in Up, once measured on this connection

	Sessions   int    `json:"sessions"`
	Kept       bool   `json:"kept"`             // stays until stopped
	Reconnects int    `json:"reconnects"`       // of this keeper
	Requests   int    `json:"agent_requests"`   // all that the agent was asked for
	Signatures int    `json:"agent_signatures"` // those of them that asked for a signature
	Link       string `json:"link"`             // whose the remote's link is: own, other, none, failed or "" (not known)

	Transport string `json:"transport"`                  // native or openssh; auto: not known yet
	Reason    string `json:"transport_reason,omitempty"` // why OpenSSH was chosen automatically

	Tunnels  []Tunnel `json:"tunnels,omitempty"`
	Problems []string `json:"problems,omitempty"` // what is missing, in the words of the log
	Log      string   `json:"log"`                // the log's path
}

// sweep removes what is left of a keeper that was killed, or stopped before its
// sessions ended, and these files of it. The leases of sessions that live stay,
// for the next keeper. The error is rundir.ErrLocked if one is just starting.
func sweep(dir rundir.Dir, files ...string) error {
	lock, err := rundir.TryAcquire(dir.Lock())
	if err != nil {
		return err
	}
	for _, path := range append(files, dir.Socket()) {
		_ = os.Remove(path)
	}
	lease.RemoveFree(dir.Sessions())
	helper.RemoveDirs(string(dir))
	lock.Release()
	dir.Remove()
	return nil
}

// SilentError reports that a keeper that runs does not answer: it was stopped by
// a signal, or the machine is in trouble.
type SilentError struct{ Log string }

func (e *SilentError) Error() string { return "the keeper does not answer" }

// statusPatience is how long a keeper may take to report its status.
const statusPatience = 5 * time.Second

// StatusOf asks the keeper with this id how it is. The error is ErrNoKeeper
// where none runs, a *SilentError where it does not answer in time, or a
// *VersionError.
func StatusOf(ctx context.Context, dirs rundir.Dirs, id string) (*Status, error) {
	ctx, cancel := context.WithTimeout(ctx, statusPatience)
	defer cancel()
	client, err := Connect(ctx, dirs, id)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	r, err := client.once(OpStatus)
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, &SilentError{Log: dirs.Log(id)}
	case errors.Is(err, ErrGone):
		return nil, ErrNoKeeper
	}
	return r.Status, err
}

// Unknown is a keeper that runs but that did not report its status.
type Unknown struct {
	ID  string
	Err error
}

// All returns the status of every keeper, ordered by destination, and the
// keepers that could not be asked. What is left of dead ones is cleared away.
func All(ctx context.Context, dirs rundir.Dirs) (alive []*Status, unknown []Unknown, err error) {
	ids, err := dirs.IDs()
	var asking sync.WaitGroup
	var mu sync.Mutex
	for _, id := range ids {
		asking.Go(func() {
			status, err := StatusOf(ctx, dirs, id)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				alive = append(alive, status)
			case errors.Is(err, ErrNoKeeper):
				_ = sweep(dirs.Of(id))
			default:
				unknown = append(unknown, Unknown{ID: id, Err: err})
			}
		})
	}
	asking.Wait()
	dirs.RemoveRuntime()
	slices.SortFunc(alive, func(a, b *Status) int {
		return cmp.Or(cmp.Compare(a.Destination, b.Destination), cmp.Compare(a.Port, b.Port), cmp.Compare(a.Log, b.Log))
	})
	slices.SortFunc(unknown, func(a, b Unknown) int { return cmp.Compare(a.ID, b.ID) })
	return alive, unknown, err
}
