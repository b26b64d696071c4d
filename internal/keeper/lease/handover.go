package lease

import (
	"encoding/json"
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"github.com/mosha-ssh/mosha/internal/sshconfig"
)

// Handover is what a launcher tells its stand-in, which mosh runs in between. It
// lies in the lease, where only the user can read it, until the stand-in has read
// it: a command line would show it to everybody.
type Handover struct {
	Env     []sshconfig.EnvVar `json:"env,omitempty"`     // for the session
	Address string             `json:"address,omitempty"` // where mosh's UDP is to go; "": as the keeper tells
	Read    bool               `json:"read,omitempty"`    // somebody is there to read what mosha writes before the session
	Lacks   bool               `json:"lacks,omitempty"`   // the person was told that the session goes without something
}

// maxHandover bounds what is read of a handover, in bytes.
const maxHandover = 1 << 20

// HandOver writes the handover for the stand-in.
func (l *Lease) HandOver(h Handover) error {
	text, err := json.Marshal(h)
	if err != nil {
		return err
	}
	_, err = l.file.WriteAt(text, 0)
	return err
}

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
