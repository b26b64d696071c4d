package homes

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Entry is a file to put into a home.
type Entry struct {
	path    string
	content string // of a file
	Link    string // not empty: a link to this
	hard    string // not empty: another name of this file of the home
	mode    os.FileMode
	root    bool // it is root's
}

// File is a file with this content.
func File(path, content string) Entry { return Entry{path: path, content: content, mode: 0o644} }

// Symlink is a link to target.
func Symlink(path, target string) Entry { return Entry{path: path, Link: target} }

// Hard is one more name of a file.
func Hard(path, of string) Entry { return Entry{path: path, hard: of} }

// Dir is a directory.
func Dir(path string) Entry { return Entry{path: path, mode: 0o755 | os.ModeDir} }

// Fifo is a FIFO.
func Fifo(path string) Entry { return Entry{path: path, mode: 0o644 | os.ModeNamedPipe} }

// With gives an entry a mode.
func (e Entry) With(m os.FileMode) Entry { e.mode = e.mode.Type() | m; return e }

// Roots makes an entry root's.
func (e Entry) Roots() Entry { e.root = true; return e }

// Lay puts the entries into the home, dated long ago, so that a touch shows.
func (l *Local) Lay(entries ...Entry) {
	t := l.T
	t.Helper()
	past := time.Now().Add(-1000 * time.Hour)
	for _, e := range entries {
		p := filepath.Join(l.Home, e.path)
		l.parents(filepath.Dir(p))
		switch {
		case e.Link != "":
			Check(t, os.Symlink(e.Link, p))
		case e.hard != "":
			Check(t, os.Link(filepath.Join(l.Home, e.hard), p))
		case e.mode.IsDir():
			Check(t, os.Mkdir(p, 0o755))
		case e.mode&os.ModeNamedPipe != 0:
			Check(t, syscall.Mkfifo(p, 0o644))
		default:
			Check(t, os.WriteFile(p, []byte(e.content), 0o644))
		}
		if !e.root {
			l.Own(p)
		}
		if e.Link == "" && e.hard == "" {
			Check(t, os.Chmod(p, e.mode.Perm()))
			Check(t, os.Chtimes(p, past, past))
		}
	}
	Check(t, os.Chtimes(l.Home, past, past))
}

// parents makes the directories up to dir.
func (l *Local) parents(dir string) {
	l.T.Helper()
	if dir == l.Home {
		return
	}
	l.parents(filepath.Dir(dir))
	switch err := os.Mkdir(dir, 0o755); {
	case err == nil:
		l.Own(dir)
	case !errors.Is(err, fs.ErrExist):
		l.T.Fatal(err)
	}
}

// Read returns a file of the home.
func (l *Local) Read(path string) string {
	l.T.Helper()
	content, err := os.ReadFile(filepath.Join(l.Home, path))
	Check(l.T, err)
	return string(content)
}

// Tree is all that is in a home, by path.
type Tree map[string]node

// node is all of a file that set-up must not change.
type node struct {
	Mode    os.FileMode
	UID     uint32
	Mtime   time.Time // not of a directory
	Content string
}

// Tree returns what is in the home.
func (l *Local) Tree() Tree {
	l.T.Helper()
	all := make(Tree)
	Check(l.T, filepath.WalkDir(l.Home, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		n := node{Mode: info.Mode(), UID: info.Sys().(*syscall.Stat_t).Uid, Mtime: info.ModTime()}
		switch {
		case info.Mode().IsRegular():
			content, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			n.Content = string(content)
		case info.Mode()&os.ModeSymlink != 0:
			n.Content, _ = os.Readlink(p)
		}
		name, _ := filepath.Rel(l.Home, p)
		all[name] = n
		return nil
	}))
	return all
}

// Differences describes what differs between two trees, leaving the paths in
// except and the times of directories out.
func Differences(before, after Tree, except ...string) string {
	var s strings.Builder
	skip := func(path string) bool {
		for _, e := range except {
			if path == e {
				return true
			}
		}
		return false
	}
	for path, a := range before {
		b, ok := after[path]
		switch {
		case skip(path):
		case !ok:
			fmt.Fprintf(&s, "%s is gone\n", path)
		case a.Mode != b.Mode || a.UID != b.UID || a.Content != b.Content:
			fmt.Fprintf(&s, "%s was %v and is %v\n", path, a, b)
		case !a.Mode.IsDir() && !a.Mtime.Equal(b.Mtime):
			fmt.Fprintf(&s, "%s was touched\n", path)
		}
	}
	for path := range after {
		if _, ok := before[path]; !ok && !skip(path) {
			fmt.Fprintf(&s, "%s is new\n", path)
		}
	}
	return s.String()
}

// linkPath is the link to the forwarded agent.
const linkPath = ".ssh/ssh_auth_sock"

// ByRepair is the text of a link that was set by repair.
func ByRepair(agent string) string { return "/." + agent }

// RecipeRC is what many have in ~/.ssh/rc without mosha: a link to the agent of
// the last login.
const RecipeRC = "if [ -S \"$SSH_AUTH_SOCK\" ]; then\n  ln -sf \"$SSH_AUTH_SOCK\" ~/.ssh/ssh_auth_sock\nfi\n"
