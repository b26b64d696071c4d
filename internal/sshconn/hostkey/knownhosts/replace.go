package knownhosts

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/google/renameio/v2"
	"golang.org/x/crypto/ssh"
)

// errTooLong reports that a file is longer than is ever read.
var errTooLong = errors.New("longer than 16 MB")

// errChanging reports that a file was written by others again and again.
var errChanging = errors.New("others keep writing it")

// errNotOurs reports that a file is none that may be replaced.
var errNotOurs = errors.New("not a file of this user's that can be written")

// Apply makes the update: the host's lines with other keys go from all files,
// and its keys are added to the first, which has to exist.
// A server that offers nothing usable changes nothing.
func (u Update) Apply(files []string, h Host, hash bool) error {
	if err := h.checkName(); err != nil {
		return err
	}
	if len(u.offered) == 0 || len(files) == 0 || u.Skip != "" {
		return nil
	}
	first := replacement{host: h, keep: u.offered, add: true, hash: hash}
	if err := first.file(files[0]); err != nil {
		return fmt.Errorf("%s: %w", files[0], err) // the keys may be nowhere else
	}
	var failed []error
	for _, file := range files[1:] { // what they know is in the first now
		r := replacement{host: h}
		if err := r.file(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
			failed = append(failed, fmt.Errorf("%s: %w", file, err))
		}
	}
	return errors.Join(failed...)
}

// Without returns the update without keys that the server could not prove to
// have.
func (u Update) Without(unproven []ssh.PublicKey) Update {
	without := func(keys []ssh.PublicKey) (left []ssh.PublicKey) {
		for _, key := range keys {
			if indexKey(unproven, key) < 0 {
				left = append(left, key)
			}
		}
		return left
	}
	u.offered, u.New = without(u.offered), without(u.New)
	return u
}

// replacement is hostfile.c's hostfile_replace_entries for one file.
type replacement struct {
	host Host
	keep []ssh.PublicKey
	add  bool
	hash bool
}

// file replaces the file, as a whole and with its own mode, and leaves the
// one before it beside it as FILE.old, as ssh does. A link stays a link.
func (r replacement) file(name string) error {
	name, err := filepath.EvalSymlinks(name)
	if err != nil {
		return err
	}
	const tries = 5
	for range tries {
		done, err := r.try(name)
		if done || err != nil {
			return err
		}
	}
	return errChanging
}

// try replaces the file unless somebody writes it meanwhile, ssh for example,
// which takes no lock.
func (r replacement) try(name string) (done bool, err error) {
	f, err := openLocked(name, os.O_RDWR)
	if err != nil {
		return false, err
	}
	defer f.Close()
	before, err := f.Stat()
	if err != nil {
		return false, err
	}
	if !before.Mode().IsRegular() {
		return false, errNotOurs
	}
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return false, err
	}
	if len(text) > maxFile {
		return false, errTooLong
	}
	changed, ok := r.edit(string(text))
	if !ok {
		return true, nil
	}
	beside, err := renameio.NewPendingFile(name, renameio.WithTempDir(filepath.Dir(name)))
	if err != nil {
		return false, err
	}
	defer func() { _ = beside.Cleanup() }()
	if err := writeLike(beside.File, changed, before); err != nil || !unchanged(f, name, before) {
		return false, err
	}
	if err := keepOld(name); err != nil {
		return false, err
	}
	return true, beside.CloseAtomicallyReplace()
}

// edit returns the text with the host's other keys gone and the new ones added;
// ok is false if nothing changes.
func (r replacement) edit(text string) (edited string, ok bool) {
	var b strings.Builder
	known := make([]bool, len(r.keep))
	for raw := range strings.Lines(text) {
		if key := r.plainLine(raw); key != nil {
			i := indexKey(r.keep, key)
			if i < 0 {
				ok = true
				continue
			}
			known[i] = true
		}
		b.WriteString(strings.TrimSuffix(raw, "\n") + "\n")
	}
	if !r.add {
		return b.String(), ok
	}
	for i, key := range r.keep {
		if !known[i] {
			ok = true
			b.WriteString(newLine(key, r.hash, r.host.Name()))
		}
	}
	return b.String(), ok
}

// plainLine returns the key of a line that has no marker and is for the host, nil
// for all others, which stay as they are.
func (r replacement) plainLine(raw string) ssh.PublicKey {
	l, ok := parseLine(raw)
	if !ok || l.marker != plain {
		return nil
	}
	named, _ := matchHosts(l.hosts, r.host.Name())
	key, ok := l.publicKey()
	if !named || !ok {
		return nil
	}
	return key
}

// writeLike writes a file that is to have the same mode and owner as another.
// Where the group cannot be the same, it gets no rights.
func writeLike(f *os.File, text string, as fs.FileInfo) error {
	mode := as.Mode().Perm()
	_, err := f.WriteString(text)
	if owner, ok := as.Sys().(*syscall.Stat_t); ok && err == nil {
		if f.Chown(-1, int(owner.Gid)) != nil {
			mode &^= 0o070
		}
		err = f.Chown(int(owner.Uid), -1)
	}
	if err != nil {
		return err
	}
	return errors.Join(f.Chmod(mode), f.Sync())
}

// unchanged reports whether the file of that name is as it was when it was read.
func unchanged(f *os.File, name string, before fs.FileInfo) bool {
	now, err := f.Stat()
	return err == nil && isCurrent(f, name) && now.Size() == before.Size() && now.ModTime().Equal(before.ModTime())
}

// keepOld has the file stay as NAME.old when it is replaced.
func keepOld(name string) error {
	if err := os.Remove(name + ".old"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.Link(name, name+".old")
}
