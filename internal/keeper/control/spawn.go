package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mosha-ssh/mosha/internal/keeper/rundir"
	"github.com/mosha-ssh/mosha/internal/secret"
	"github.com/mosha-ssh/mosha/internal/sshconfig"
)

// SpawnPatience is how long a launcher waits for a keeper to listen: it has
// nothing to do before that, so only a machine in trouble takes longer.
const SpawnPatience = 10 * time.Second

// Spec is what a keeper is told when it is spawned, as JSON on its stdin.
type Spec struct {
	Dirs   rundir.Dirs       `json:"dirs"`
	Config *sshconfig.Config `json:"config"`
	Family string            `json:"family"` // mosh's word for the address family
}

// ID names the destination, and with it the keeper.
func (s Spec) ID() string { return s.Config.ID() }

// dir is where the keeper has its files.
func (s Spec) dir() rundir.Dir { return s.Dirs.Of(s.ID()) }

// maxSpec bounds a Spec's JSON, in bytes.
const maxSpec = 1 << 20

// ErrNoConfig reports that a spec does not say what it is for.
var ErrNoConfig = errors.New("no configuration in the spec")

// ReadSpec reads what spawn told.
func ReadSpec(stdin io.Reader) (Spec, error) {
	var s Spec
	err := json.NewDecoder(io.LimitReader(stdin, maxSpec)).Decode(&s)
	if err == nil && s.Config == nil {
		err = ErrNoConfig
	}
	return s, err
}

// SpawnError reports that no keeper came to run; its log may tell more.
type SpawnError struct {
	Log string
	Err error
}

func (e *SpawnError) Error() string { return fmt.Sprintf("the keeper did not start: %v", e.Err) }
func (e *SpawnError) Unwrap() error { return e.Err }

// FindOrSpawn reaches the destination's keeper, or spawns it with the given
// argument list and reaches that. Any number of launchers may do so at once: a
// lock lets one spawn and the others wait.
func FindOrSpawn(ctx context.Context, spec Spec, argv []string) (*Client, error) {
	client, err := Connect(ctx, spec.Dirs, spec.ID())
	if err == nil {
		return client, nil
	}
	bounded, cancel := context.WithTimeout(ctx, SpawnPatience)
	defer cancel()
	dir := spec.dir()
	lock, err := rundir.Acquire(bounded, dir.Launch())
	if err != nil {
		dir.Remove()
		return nil, &SpawnError{Log: spec.Dirs.Log(spec.ID()), Err: err}
	}
	defer dir.Remove() // what is empty, if nothing comes of it
	defer lock.Release()
	if client, err := Connect(ctx, spec.Dirs, spec.ID()); err == nil {
		return client, nil
	}
	if err := spawn(bounded, spec, argv); err != nil {
		// One that was killed may have come back by itself just before.
		if client, err := Connect(ctx, spec.Dirs, spec.ID()); err == nil {
			return client, nil
		}
		return nil, &SpawnError{Log: spec.Dirs.Log(spec.ID()), Err: err}
	}
	return Connect(ctx, spec.Dirs, spec.ID())
}

// spawn starts a keeper in a session of its own, off the terminal, and returns
// when it listens. The keeper reports that, or why it cannot, on a pipe that it
// inherits as descriptor 3.
func spawn(ctx context.Context, spec Spec, argv []string) error {
	report, theirs, err := os.Pipe()
	if err != nil {
		return err
	}
	defer report.Close()
	stdin, given, err := os.Pipe()
	if err != nil {
		_ = theirs.Close()
		return err
	}
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stdin = stdin
	cmd.ExtraFiles = []*os.File{theirs}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	restore := keepDescriptors()
	err = cmd.Start()
	secret.Started(cmd.Process)
	restore()
	_ = theirs.Close()
	_ = stdin.Close()
	if err != nil {
		_ = given.Close()
		return err
	}
	err = errors.Join(tell(given, spec), awaitReady(ctx, report))
	return errors.Join(err, cmd.Process.Release())
}

// maxDescriptor is up to where a launcher looks for descriptors that it
// inherited.
const maxDescriptor = 1024

// keepDescriptors keeps the descriptors that this process inherited, such as a
// script's lock, from what it starts until restore is called. mosh is to
// inherit them, the keeper, which outlives it, is not.
func keepDescriptors() (restore func()) {
	var inherited []uintptr
	for fd := uintptr(3); fd < maxDescriptor; fd++ {
		flags, err := unix.FcntlInt(fd, unix.F_GETFD, 0)
		if err != nil || flags&unix.FD_CLOEXEC != 0 {
			continue
		}
		inherited = append(inherited, fd)
		unix.CloseOnExec(int(fd))
	}
	return func() {
		for _, fd := range inherited {
			_, _ = unix.FcntlInt(fd, unix.F_SETFD, 0)
		}
	}
}

// tell hands the keeper its spec.
func tell(to *os.File, spec Spec) error {
	defer to.Close()
	return json.NewEncoder(to).Encode(spec)
}

// Report tells the launcher that the keeper listens, or why it cannot, and closes
// the pipe.
func Report(to *os.File, failure error) error {
	return errors.Join(failure, json.NewEncoder(to).Encode(reply{Error: encodeError(failure)}), to.Close())
}

// errDied reports that a keeper ended without a word.
var errDied = errors.New("it ended without saying why")

func awaitReady(ctx context.Context, report *os.File) error {
	stop := context.AfterFunc(ctx, func() { _ = report.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	var ready reply
	err := json.NewDecoder(io.LimitReader(report, maxLine)).Decode(&ready)
	switch {
	case errors.Is(err, io.EOF):
		return errDied
	case err != nil:
		return err
	}
	return ready.Error.decode()
}
