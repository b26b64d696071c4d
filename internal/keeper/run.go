package keeper

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mosha-ssh/mosha/internal/keeper/control"
	"github.com/mosha-ssh/mosha/internal/keeper/memory"
	"github.com/mosha-ssh/mosha/internal/keeper/rundir"
	"github.com/mosha-ssh/mosha/internal/netevent"
	"github.com/mosha-ssh/mosha/internal/sshconn/helper"
)

// readyFD is the descriptor on which a spawned keeper reports that it listens.
const readyFD = 3

// Run is the process of a keeper that a launcher spawned: it reads its Spec
// from stdin and reports on descriptor 3 that it listens, or why not.
func Run(stdin io.Reader) error {
	ready := os.NewFile(readyFD, "ready")
	unix.CloseOnExec(readyFD)
	told, err := control.ReadSpec(stdin)
	if err != nil {
		return control.Report(ready, fmt.Errorf("its spec is not understood: %w", err))
	}
	spec := saved{Spec: told}
	read := func(dir rundir.Dir) (saved, error) {
		if before, err := loadSpec(dir.Spec()); err == nil {
			spec.inherit(before, bootID())
		}
		return spec, nil
	}
	return serveSpec(spec, read, func(err error) error { return control.Report(ready, err) })
}

// Resume is the process of a keeper that takes the place of one that was
// killed, whose spec is at path.
func Resume(path string) error {
	spec, err := loadSpec(path)
	if err != nil {
		return fmt.Errorf("its spec is not understood: %w", err)
	}
	read := func(dir rundir.Dir) (saved, error) { return loadSpec(dir.Spec()) }
	return serveSpec(spec, read, func(err error) error { return err })
}

// serveSpec takes the lock, listens, calls ready, with nil or with why not, and
// serves until nobody needs the keeper. The order is fixed: lock, spec, log,
// signals, leases, socket, ready. It reads the previous keeper's spec only after
// taking the lock: until then that keeper may change it, or remove it if it is
// stopped.
func serveSpec(spec saved, read func(rundir.Dir) (saved, error), ready func(error) error) error {
	syscall.Umask(0o077)
	debug.SetGCPercent(memory.GCPercent)
	// On one thread at a time Go wakes no other to look for work with each
	// packet, which takes more of the processor than the packet.
	runtime.GOMAXPROCS(1)
	dir := spec.Dirs.Of(spec.ID())
	// An earlier keeper of this destination may be about to end.
	wait, cancel := context.WithTimeout(context.Background(), control.SpawnPatience/2)
	defer cancel()
	lock, err := rundir.Acquire(wait, dir.Lock())
	if err != nil {
		dir.Remove()
		return ready(err)
	}
	defer dir.Remove()
	defer lock.Release()
	if spec, err = read(dir); err != nil {
		return ready(err)
	}
	helper.RemoveDirs(string(dir)) // of a keeper that was killed
	logger, err := rundir.OpenLog(spec.Dirs.Log(spec.ID()), spec.Config.Dest)
	if err != nil {
		return ready(err)
	}
	defer logger.Close()

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	signal.Ignore(syscall.SIGHUP, syscall.SIGPIPE)
	return newKeeper(spec, logger.Logger).live(ctx, ready)
}

// live listens, calls ready, and runs until the keeper is not needed.
func (k *Keeper) live(ctx context.Context, ready func(error) error) error {
	if err := k.leases.Find(); err != nil {
		return ready(err)
	}
	listener, err := control.Listen(k.dir.Socket())
	if err != nil {
		return ready(err)
	}
	k.log.Info().Int("pid", os.Getpid()).Int("sessions", k.leases.Count()).Msg("keeper started")
	if err := ready(nil); err != nil { // the launcher was interrupted
		return errors.Join(err, listener.Close())
	}
	k.tunnels.Begin(k.spec.Tunnels...) // before the spec is saved, which has them
	end := k.guarded()
	defer end()

	defer k.tunnels.Close()
	serving, endServing := context.WithCancel(context.Background())
	var helpers sync.WaitGroup
	helpers.Go(func() { k.server().Serve(serving, listener) })
	helpers.Go(func() { k.sense(serving) })
	helpers.Go(func() { k.uses.Rest(serving, memory.Trim) })
	helpers.Go(func() { k.agents.watch(serving) })
	reconnecting{k}.run(ctx)
	// A launcher that comes from here on finds no socket and spawns a keeper,
	// which waits for the lock.
	_ = listener.Close()
	endServing()
	helpers.Wait()
	k.agents.guard.End()
	k.log.Info().Msg("keeper ended")
	return nil
}

// guarded lets a guardian bring the keeper back if it is killed, until end is
// called.
func (k *Keeper) guarded() (end func()) {
	k.mu.Lock()
	may := k.spec.resumed(time.Now())
	k.mu.Unlock()
	self, err := os.Executable()
	if err == nil {
		err = k.store.save(k.toSave)
	}
	if err != nil || !may {
		k.log.Error().Err(err).Bool("killed_too_often", !may).Msg("the keeper will not come back if it is killed")
		return k.store.drop
	}
	g := startGuardian(self, k.dir.Spec(), k.log)
	return func() {
		g.end()
		k.store.drop()
	}
}

// sense makes the keeper look at the connection when the network changes or the
// machine wakes.
func (k *Keeper) sense(ctx context.Context) {
	for event := range netevent.Watch(ctx, k.log) {
		k.log.Debug().Bool("network", event.Network).Bool("wake", event.Wake).Msg("disturbance")
		k.disturb()
	}
}
