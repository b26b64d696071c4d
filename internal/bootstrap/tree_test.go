package bootstrap

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// entry is a file to put into a home.
type entry struct {
	path    string
	content string // of a file
	link    string // not empty: a link to this
	hard    string // not empty: another name of this file of the home
	mode    os.FileMode
	root    bool // it is root's
}

func file(path, content string) entry    { return entry{path: path, content: content, mode: 0o644} }
func symlink(path, target string) entry  { return entry{path: path, link: target} }
func hard(path, of string) entry         { return entry{path: path, hard: of} }
func dir(path string) entry              { return entry{path: path, mode: 0o755 | os.ModeDir} }
func fifo(path string) entry             { return entry{path: path, mode: 0o644 | os.ModeNamedPipe} }
func (e entry) with(m os.FileMode) entry { e.mode = e.mode.Type() | m; return e }
func (e entry) roots() entry             { e.root = true; return e }

// lay puts the entries into the home, dated long ago, so that a touch shows.
func (l *local) lay(entries ...entry) {
	t := l.t
	t.Helper()
	past := time.Now().Add(-1000 * time.Hour)
	for _, e := range entries {
		p := filepath.Join(l.home, e.path)
		l.parents(filepath.Dir(p))
		switch {
		case e.link != "":
			check(t, os.Symlink(e.link, p))
		case e.hard != "":
			check(t, os.Link(filepath.Join(l.home, e.hard), p))
		case e.mode.IsDir():
			check(t, os.Mkdir(p, 0o755))
		case e.mode&os.ModeNamedPipe != 0:
			check(t, syscall.Mkfifo(p, 0o644))
		default:
			check(t, os.WriteFile(p, []byte(e.content), 0o644))
		}
		if !e.root {
			l.own(p)
		}
		if e.link == "" && e.hard == "" {
			check(t, os.Chmod(p, e.mode.Perm()))
			check(t, os.Chtimes(p, past, past))
		}
	}
	check(t, os.Chtimes(l.home, past, past))
}

// parents makes the directories up to dir.
func (l *local) parents(dir string) {
	l.t.Helper()
	if dir == l.home {
		return
	}
	l.parents(filepath.Dir(dir))
	switch err := os.Mkdir(dir, 0o755); {
	case err == nil:
		l.own(dir)
	case !errors.Is(err, fs.ErrExist):
		l.t.Fatal(err)
	}
}

// read returns a file of the home.
func (l *local) read(path string) string {
	l.t.Helper()
	content, err := os.ReadFile(filepath.Join(l.home, path))
	check(l.t, err)
	return string(content)
}

// tree is all that is in a home, by path.
type tree map[string]node

// node is all of a file that set-up must not change.
type node struct {
	mode    os.FileMode
	uid     uint32
	mtime   time.Time // not of a directory
	content string
}

// tree returns what is in the home.
func (l *local) tree() tree {
	l.t.Helper()
	all := make(tree)
	check(l.t, filepath.WalkDir(l.home, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		n := node{mode: info.Mode(), uid: info.Sys().(*syscall.Stat_t).Uid, mtime: info.ModTime()}
		switch {
		case info.Mode().IsRegular():
			content, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			n.content = string(content)
		case info.Mode()&os.ModeSymlink != 0:
			n.content, _ = os.Readlink(p)
		}
		name, _ := filepath.Rel(l.home, p)
		all[name] = n
		return nil
	}))
	return all
}

// differences describes what differs between two trees, leaving the paths in
// except and the times of directories out.
func differences(before, after tree, except ...string) string {
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
		case a.mode != b.mode || a.uid != b.uid || a.content != b.content:
			fmt.Fprintf(&s, "%s was %v and is %v\n", path, a, b)
		case !a.mode.IsDir() && !a.mtime.Equal(b.mtime):
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

// removeBlock takes the block out of a file that set-up has written.
func removeBlock(t *testing.T, content string) string {
	t.Helper()
	f, ok := findBlock([]byte(content))
	if !ok || f.fault != "" {
		t.Fatalf("no sound block in %q", content)
	}
	return content[:f.start] + content[f.end:]
}
