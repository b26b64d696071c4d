package keeper

import (
	"encoding/json"
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"github.com/mosha-ssh/mosha/internal/sshconfig"
)

// Note is what a launcher tells its stand-in, which mosh runs in between. It
// is kept in the lease, where only the user can read it, until the stand-in has
// taken it: a command line would show it to everybody.
type Note struct {
	Env     []sshconfig.EnvVar `json:"env,omitempty"`     // for the session
	Address string             `json:"address,omitempty"` // where mosh's UDP is to go; "": as the keeper says
	Read    bool               `json:"read,omitempty"`    // somebody is there to read what is said before the session
	Lacks   bool               `json:"lacks,omitempty"`   // it was said that the session goes without something
}

// maxNote bounds what is read of a note, in bytes.
const maxNote = 1 << 20

// Leave writes the note for the stand-in.
func (l *Lease) Leave(n Note) error {
	text, err := json.Marshal(n)
	if err != nil {
		return err
	}
	_, err = l.file.WriteAt(text, 0)
	return err
}

// TakeNote reads the note in the lease that was inherited as this descriptor and
// removes it there. Until release is called, the stand-in holds the lease
// beside mosh; nothing that it starts does.
func TakeNote(fd int) (n Note, release func(), err error) {
	file := os.NewFile(uintptr(fd), "lease")
	if file == nil {
		return Note{}, func() {}, os.ErrInvalid
	}
	unix.CloseOnExec(fd)
	release = func() { _ = file.Close() }
	text, err := io.ReadAll(io.NewSectionReader(file, 0, maxNote))
	if err != nil {
		return n, release, err
	}
	return n, release, errors.Join(json.Unmarshal(text, &n), file.Truncate(0))
}
