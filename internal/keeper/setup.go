package keeper

import (
	"context"
	"errors"

	"github.com/mosha-ssh/mosha/internal/bootstrap"
	"github.com/mosha-ssh/mosha/internal/keeper/control"
	"github.com/mosha-ssh/mosha/internal/keeper/remote"
	"github.com/mosha-ssh/mosha/internal/remotesh"
)

// remoteTask is what a client may want done about the remote's dotfiles.
type remoteTask struct {
	do     func(context.Context, remotesh.Runner) (bootstrap.Report, error)
	undoes bool // nothing of ours may be there afterwards
}

var remoteTasks = map[string]remoteTask{
	control.OpSetup: {do: bootstrap.Setup},
	control.OpUnset: {do: bootstrap.Undo, undoes: true},
	control.OpTry:   {do: bootstrap.PreviewSetup},
	control.OpTryUn: {do: bootstrap.PreviewUndo},
}

// runTask does a task and tells the client what became of each file. A keeper
// that has taken the set-up back ends: what its connection knows of the remote
// no longer holds.
func (s service) runTask(ctx context.Context, c *control.Conversation, task remoteTask) error {
	before, leave := s.attend(false)
	defer leave()
	conn, err := s.connected(ctx, before, nil, nil)
	if err != nil {
		return c.Fail(err)
	}
	if task.undoes {
		if busy := s.busy(); busy != nil {
			return c.Fail(busy)
		}
		conn.Unhold()
		defer s.stop()
	}
	ctx, cancel := context.WithTimeout(ctx, remote.SetupLimit)
	defer cancel()
	report, err := task.do(ctx, conn)
	if expired := (*control.ExpiredError)(nil); errors.As(err, &expired) {
		return c.Fail(expired)
	}
	if err != nil {
		return c.Fail(&control.SetupError{Err: err})
	}
	return c.Report(&control.SetupReport{Files: report.Files, Failures: remote.Failures(report, true)})
}

// busy returns a *control.BusyError if sessions use the remote, or are to.
func (s service) busy() error {
	sessions := s.leases.Count()
	if s.isKept() || sessions > 0 {
		return &control.BusyError{Sessions: sessions}
	}
	return nil
}
