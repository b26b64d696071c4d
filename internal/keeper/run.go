package keeper

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"
)

// readyFD is the descriptor on which a spawned keeper reports that it listens.
const readyFD = 3

// Run is the keeper's process: it reads its Spec from stdin, takes the lock,
// listens, reports ready or why not on descriptor 3, and serves until nobody
// needs it. The order is fixed: lock, log, signals, leases, socket, ready.
func Run(stdin io.Reader) error {
	ready := os.NewFile(readyFD, "ready")
	unix.CloseOnExec(readyFD)
	var spec Spec
	if err := json.NewDecoder(io.LimitReader(stdin, 1<<20)).Decode(&spec); err != nil || spec.Config == nil {
		return report(ready, fmt.Errorf("its spec is not understood: %w", err))
	}
	syscall.Umask(0o077)
	dir := spec.Dirs.of(spec.ID())
	// An earlier keeper of this destination may be about to end.
	wait, cancel := context.WithTimeout(context.Background(), spawnPatience/2)
	defer cancel()
	lock, err := acquire(wait, dir, dir.lock())
	if err != nil {
		return report(ready, err)
	}
	defer dir.remove()
	defer lock.release()
	logger, file, err := openLog(spec.Dirs.Log(spec.ID()), spec.Config.Dest)
	if err != nil {
		return report(ready, err)
	}
	defer file.Close()

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	signal.Ignore(syscall.SIGHUP, syscall.SIGPIPE)
	return newKeeper(spec, logger).live(ctx, ready)
}

// live listens, reports ready, and runs until the keeper is not needed.
func (k *Keeper) live(ctx context.Context, ready *os.File) error {
	if err := k.leases.find(); err != nil {
		return report(ready, err)
	}
	listener, err := listenAt(k.spec.Dirs.of(k.spec.ID()).socket())
	if err != nil {
		return report(ready, err)
	}
	_ = report(ready, nil)
	k.log.Info().Int("pid", os.Getpid()).Msg("keeper started")

	serving, endServing := context.WithCancel(context.Background())
	served := make(chan struct{})
	go func() {
		defer close(served)
		k.serveControl(serving, listener)
	}()
	k.run(ctx)
	// Who comes from here on finds no socket and spawns a keeper, which waits
	// for the lock.
	_ = listener.Close()
	endServing()
	<-served
	k.log.Info().Msg("keeper ended")
	return nil
}

// listenAt makes the control socket. A stale one is removed, since the lock
// says that nobody listens on it.
func listenAt(path string) (net.Listener, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	return net.Listen("unix", path)
}

// report tells the launcher, in one line, and closes the pipe.
func report(to *os.File, failure error) error {
	var r readiness
	if failure != nil {
		r.Error = failure.Error()
	}
	return errors.Join(failure, json.NewEncoder(to).Encode(r), to.Close())
}

// maxLog is the size in bytes at which a log is set aside as ".old" when a
// keeper starts.
const maxLog = 1 << 20

// openLog opens the keeper's log, JSON lines that a crash is written to too.
func openLog(path, destination string) (zerolog.Logger, *os.File, error) {
	if info, err := os.Stat(path); err == nil && info.Size() > maxLog {
		_ = os.Rename(path, path+".old")
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return zerolog.Nop(), nil, err
	}
	_ = debug.SetCrashOutput(file, debug.CrashOptions{})
	zerolog.TimeFieldFormat = time.RFC3339Nano
	return zerolog.New(file).With().Timestamp().Str("destination", destination).Logger(), file, nil
}
