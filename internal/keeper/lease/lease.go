// Package lease tells the keeper which sessions live, by a lock of the kernel's
// for each. lease.go is for the launcher and its stand-in, set.go for the keeper.
package lease

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/mosha-ssh/mosha/internal/keeper/rundir"
	"github.com/mosha-ssh/mosha/internal/sshconfig"
)

// Lease is how the keeper knows that a session lives: a shared lock on a file,
// held through a descriptor that mosh and mosh-client inherit. The kernel
// drops it however the session ends.
type Lease struct {
	ID   string
	file *os.File
}

// New makes and locks a lease for a session of a keeper.
func New(dir rundir.Dir) (*Lease, error) {
	if err := os.Mkdir(dir.Sessions(), 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	lease := &Lease{ID: rand.Text()}
	file, err := os.OpenFile(filepath.Join(dir.Sessions(), lease.ID), os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	lease.file = file
	if err := rundir.Flock(file, unix.LOCK_SH|unix.LOCK_NB); err != nil {
		lease.Drop()
		return nil, err
	}
	return lease, nil
}

// Handover is what a launcher tells its stand-in, which mosh runs in between. It
// lies in the lease, where only the user can read it, until the stand-in has read
// it: a command line would show it to everybody.
type Handover struct {
	Env     []sshconfig.EnvVar `json:"env,omitempty"`     // for the session
	Address string             `json:"address,omitempty"` // where mosh's UDP is to go; "": as the keeper tells
	Read    bool               `json:"read,omitempty"`    // somebody is there to read what mosha writes before the session
	Lacks   bool               `json:"lacks,omitempty"`   // the person was told that the session goes without something
}

// HandOver writes the handover for the stand-in.
func (l *Lease) HandOver(h Handover) error {
	text, err := json.Marshal(h)
	if err != nil {
		return err
	}
	_, err = l.file.WriteAt(text, 0)
	return err
}

// Inherit lets the descriptor be inherited by the program that this process
// execs next, and returns its number.
func (l *Lease) Inherit() (int, error) {
	fd := l.file.Fd()
	_, err := unix.FcntlInt(fd, unix.F_SETFD, 0)
	return int(fd), err
}

// Drop gives the lease back: the session does not come about.
func (l *Lease) Drop() {
	_ = os.Remove(l.file.Name())
	_ = l.file.Close()
}

// maxHandover bounds what is read of a handover, in bytes.
const maxHandover = 1 << 20

// TakeOver reads the handover in the lease that was inherited as this descriptor
// and removes it there. Until release is called, the stand-in holds the lease
// beside mosh; nothing that it starts does.
func TakeOver(fd int) (h Handover, release func(), err error) {
	file := os.NewFile(uintptr(fd), "lease")
	if file == nil {
		return Handover{}, func() {}, os.ErrInvalid
	}
	unix.CloseOnExec(fd)
	release = func() { _ = file.Close() }
	text, err := io.ReadAll(io.NewSectionReader(file, 0, maxHandover))
	if err != nil {
		return h, release, err
	}
	return h, release, errors.Join(json.Unmarshal(text, &h), file.Truncate(0))
}
