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

	"golang.org/x/crypto/ssh"
)

// NameError says that a host has a name that cannot stand in known_hosts.
type NameError struct{ Name string }

func (e *NameError) Error() string {
	return fmt.Sprintf("host name %q cannot be written to known_hosts", e.Name)
}

// Append adds key for h to file, with the name hashed if hash is set. The file
// (mode 0600) and its directory (0700) are made if they are missing. The entry is
// one write at the file's end, so that others may append at the same time.
// Errors: *NameError or an *fs.PathError.
func Append(file string, h Host, key ssh.PublicKey, hash bool) error {
	if name := h.principal(); name == "" || strings.ContainsAny(name, "@?*#[]|'\"\\, \t\r\n\x00") {
		return &NameError{Name: name}
	}
	name := h.Name()
	if hash {
		salt := make([]byte, sha1.Size)
		rand.Read(salt)
		name = hashName(name, salt)
	}
	entry := name + " " + string(ssh.MarshalAuthorizedKey(uncertified(key)))
	if err := os.Mkdir(filepath.Dir(file), 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	f, err := os.OpenFile(file, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	if !endsInNewline(f) {
		entry = "\n" + entry
	}
	_, err = f.WriteString(entry)
	return errors.Join(err, f.Close())
}

// endsInNewline says whether a line can begin at the end of f.
func endsInNewline(f *os.File) bool {
	info, err := f.Stat()
	if err != nil || info.Size() == 0 {
		return true
	}
	var last [1]byte
	_, err = f.ReadAt(last[:], info.Size()-1)
	return err != nil || last[0] == '\n'
}
