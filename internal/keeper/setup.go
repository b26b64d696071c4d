package keeper

import (
	"context"
	"errors"
	"fmt"

	"github.com/mosha-ssh/mosha/internal/bootstrap"
	"github.com/mosha-ssh/mosha/internal/remotesh"
)

// remoteTask is what a client may want done about the remote's dotfiles.
type remoteTask struct {
	do     func(context.Context, remotesh.Runner) (bootstrap.Report, error)
	undoes bool // nothing of ours may be there afterwards
}

var remoteTasks = map[string]remoteTask{
	opSetup: {do: bootstrap.Setup},
	opUnset: {do: bootstrap.Undo, undoes: true},
	opTry:   {do: bootstrap.PreviewSetup},
	opTryUn: {do: bootstrap.PreviewUndo},
}

// BusyError says that the set-up cannot be taken back, because the keeper is
// there for sessions or because it is to stay.
type BusyError struct {
	Sessions int
	Kept     bool
}

func (e *BusyError) Error() string {
	if e.Sessions == 0 {
		return "the keeper is to stay until it is stopped"
	}
	return fmt.Sprintf("the keeper has %d sessions", e.Sessions)
}

// runTask does a task and tells the client what became of each file. A keeper
// that has taken the set-up back ends: what its connection knows of the remote
// no longer holds.
func (k *Keeper) runTask(ctx context.Context, w *wire, task remoteTask) error {
	failures, leave := k.attend(false)
	defer leave()
	conn, err := k.connected(ctx, failures, nil, nil)
	if err != nil {
		return failed(w, err)
	}
	if task.undoes {
		if busy := k.busy(); busy != nil {
			return failed(w, busy)
		}
		conn.dismissHolder() // it would set the link again
		defer k.stop()
	}
	ctx, cancel := context.WithTimeout(ctx, setUpLimit)
	defer cancel()
	report, err := task.do(ctx, conn)
	if expired := (*ExpiredError)(nil); errors.As(err, &expired) {
		return failed(w, expired)
	}
	if err != nil {
		return failed(w, &SetupError{Err: err})
	}
	return w.send(reply{Report: newSetupReport(report)})
}

// busy returns a *BusyError if sessions use the remote, or are to.
func (k *Keeper) busy() error {
	sessions := k.leases.Count()
	if kept := k.isKept(); kept || sessions > 0 {
		return &BusyError{Sessions: sessions, Kept: kept}
	}
	return nil
}
