package keeper

import (
	"cmp"
	"time"

	"github.com/mosha-ssh/mosha/internal/keeper/control"
	"github.com/mosha-ssh/mosha/internal/sshconn"
	"github.com/mosha-ssh/mosha/internal/text"
)

// maxProblem bounds the words of one problem, in bytes: a server may say much.
const maxProblem = 1 << 10

func (k *Keeper) status() *control.Status {
	sessions, used, tunnels := k.leases.Count(), k.agents.guard.Served(), told(k.tunnels.Status(), k.isUnverified())
	k.mu.Lock()
	defer k.mu.Unlock()
	config := k.spec.Config
	s := &control.Status{
		Destination: config.Dest, HostName: config.HostName, User: config.User, Port: config.Port,
		State: k.state, Since: k.since,
		Sessions: sessions, Kept: k.lifetime.kept, Reconnects: max(k.ups-1, 0),
		Requests: used.Requests, Signatures: used.Signs, Log: k.spec.Dirs.Log(k.spec.ID()),
	}
	s.Tunnels = tunnels
	s.Transport, s.Reason = k.carrierLocked()
	if !k.lostAt.IsZero() {
		s.Lost = seconds(time.Since(k.lostAt))
	}
	if k.state == control.Waiting {
		s.Retry = seconds(max(time.Until(k.retryAt), 0))
	}
	if k.conn != nil && k.state == control.Up && k.conn.RoundTrip() > 0 {
		s.Trip = seconds(max(k.conn.RoundTrip(), time.Millisecond)) // measured, though nearby
	}
	if k.conn != nil {
		s.Link = string(k.conn.Owner())
	}
	for _, err := range k.problemsLocked() {
		s.Problems = append(s.Problems, text.Cut(err.Error(), maxProblem))
	}
	return s
}

// carrierLocked returns what carries the connection and why, or is to.
func (k *Keeper) carrierLocked() (transport, reason string) {
	choice := k.known.choice
	if k.conn != nil {
		choice = k.conn.Facts().Choice
	}
	return cmp.Or(choice.Transport, sshconn.TransportAuto), choice.Reason
}

// problemsLocked returns what is wrong with the connection, or why there is none.
func (k *Keeper) problemsLocked() []error {
	var problems []error
	if k.known.alarm != nil {
		problems = append(problems, k.known.alarm)
	}
	switch {
	case k.conn != nil:
		problems = append(problems, k.conn.Lacks()...)
	case k.tries.failed != nil:
		problems = append(problems, k.tries.failed)
	}
	return problems
}

// seconds is d in seconds, to the millisecond. It is one division, so that JSON
// has no more digits than that: the sum that Seconds makes is off in the last.
func seconds(d time.Duration) float64 {
	return float64(d.Round(time.Millisecond).Milliseconds()) / 1000
}
