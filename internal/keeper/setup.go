package keeper

import (
	"context"
	"errors"

	"github.com/mosha-ssh/mosha/internal/bootstrap"
	"github.com/mosha-ssh/mosha/internal/keeper/control"
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
func (k *Keeper) runTask(ctx context.Context, c *control.Conversation, task remoteTask) error {
	before, leave := k.attend(false)
	defer leave()
	conn, err := k.connected(ctx, before, nil, nil)
	if err != nil {
		return c.Fail(err)
	}
	if task.undoes {
		if busy := k.busy(); busy != nil {
			return c.Fail(busy)
		}
		conn.dismissHolder() // it would set the link again
		defer k.stop()
	}
	ctx, cancel := context.WithTimeout(ctx, setUpLimit)
	defer cancel()
	report, err := task.do(ctx, conn)
	if expired := (*control.ExpiredError)(nil); errors.As(err, &expired) {
		return c.Fail(expired)
	}
	if err != nil {
		return c.Fail(&control.SetupError{Err: err})
	}
	return c.Report(control.NewSetupReport(report, failures(report, true)))
}

// busy returns a *control.BusyError if sessions use the remote, or are to.
func (k *Keeper) busy() error {
	sessions := k.leases.Count()
	if kept := k.isKept(); kept || sessions > 0 {
		return &control.BusyError{Sessions: sessions, Kept: kept}
	}
	return nil
}

// failures returns an error for each reason for which files were not written:
// because that failed or, with skipped, because they were left alone as well. A
// link that is the person's own is no failure.
func failures(r bootstrap.Report, skipped bool) []error {
	var all []error
	byReason := map[bootstrap.Reason]*control.SetupError{}
	for _, f := range r.Files {
		var cause *bootstrap.FileError
		counts := f.Action == bootstrap.Failed || skipped && f.Action == bootstrap.Skipped
		if !counts || !errors.As(f.Cause, &cause) || cause.Reason == bootstrap.Needed || cause.Reason == bootstrap.Private {
			continue
		}
		known := byReason[cause.Reason]
		if known == nil {
			known = &control.SetupError{Err: cause}
			byReason[cause.Reason] = known
			all = append(all, known)
		}
		known.Paths = append(known.Paths, f.Path)
	}
	return all
}
