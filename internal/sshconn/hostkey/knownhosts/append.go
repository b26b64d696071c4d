package knownhosts

import (
	"crypto/rand"
	"crypto/sha1"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/mosha-ssh/mosha/internal/sshconn/pubkey"
)

// nameError reports that a host has a name that cannot stand in known_hosts.
type nameError struct{ Name string }

func (e *nameError) Error() string {
	return fmt.Sprintf("host name %q cannot be written to known_hosts", e.Name)
}

// Recordable reports whether the host's name may be written to known_hosts. Where
// it may not, ssh refuses a key that is not known.
func (h Host) Recordable() bool {
	return h.Hostname != "" && !strings.ContainsAny(h.Hostname, "@?*#[]|'\"\\")
}

// checkName looks at what would be written, which a blank, a comma or a wildcard
// would make something else. Only an alias may have brackets of its own.
func (h Host) checkName() error {
	name, bad := h.principal(), "@?*#|'\"\\, \t\r\n\x00"
	if h.Alias == "" {
		bad += "[]"
	}
	if name == "" || strings.ContainsAny(name, bad) {
		return &nameError{Name: name}
	}
	return nil
}

// Append adds key for h to file, under the host's name, which is hashed if hash
// is set. The file (mode 0600) and its directory (0700) are made if they are
// missing. The entry is one write at the file's end, so that others may append
// at the same time. Errors: *nameError or an *fs.PathError.
func Append(file string, h Host, key ssh.PublicKey, hash bool) error {
	if err := h.checkName(); err != nil {
		return err
	}
	text := newLine(key, hash, h.Name())
	if err := os.Mkdir(filepath.Dir(file), 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	f, err := openLocked(file, os.O_RDWR|os.O_CREATE|os.O_APPEND)
	if err != nil {
		return err
	}
	if !endsInNewline(f) {
		text = "\n" + text
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

// EndLine ends the last line of a file for ssh to append another: some versions
// glue theirs to it. A file that is not there, or cannot be written, is left to
// ssh.
func EndLine(file string) {
	f, err := openLocked(file, os.O_RDWR|os.O_APPEND)
	if err != nil {
		return
	}
	defer f.Close()
	if !endsInNewline(f) {
		_, _ = f.WriteString("\n")
	}
}

// newLine returns the line for a key under this name.
func newLine(key ssh.PublicKey, hash bool, name string) string {
	if hash {
		salt := make([]byte, sha1.Size)
		rand.Read(salt)
		name = hashName(name, salt)
	}
	return name + " " + string(ssh.MarshalAuthorizedKey(pubkey.Plain(key)))
}

// endsInNewline reports whether a line can begin at the end of f.
func endsInNewline(f *os.File) bool {
	info, err := f.Stat()
	if err != nil || info.Size() == 0 {
		return true
	}
	var last [1]byte
	_, err = f.ReadAt(last[:], info.Size()-1)
	return err != nil || last[0] == '\n'
}

// lockPatience is how long another process of ours may hold a file. ssh takes
// no lock, so without one nothing is worse than it is there.
const lockPatience = 2 * time.Second

// openLocked opens a file that Update may replace at the same time, and locks it.
// The lock goes with the file's end of use.
func openLocked(file string, flag int) (*os.File, error) {
	for {
		f, err := os.OpenFile(file, flag, 0o600)
		if err != nil {
			return nil, err
		}
		locked := lock(f)
		if !locked || isCurrent(f, file) {
			return f, nil
		}
		f.Close() // it was replaced while we waited
	}
}

// lock reports whether it got the lock: not every file system has locks.
func lock(f *os.File) bool {
	for deadline := time.Now().Add(lockPatience); ; time.Sleep(10 * time.Millisecond) {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return true
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) || time.Now().After(deadline) {
			return false
		}
	}
}

// isCurrent reports whether the file of that name is still the one that is open.
func isCurrent(f *os.File, name string) bool {
	opened, err := f.Stat()
	if err != nil {
		return true
	}
	named, err := os.Stat(name)
	return err == nil && os.SameFile(opened, named)
}
