package bootstrap

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mosha-ssh/mosha/internal/lab/homes"
	"github.com/mosha-ssh/mosha/internal/lab/labtest"
)

// shadow runs shell commands before a program of the remote, at the first
// call that names the file, or in its place if they exit.
func shadow(l *homes.Local, program, file, commands string) {
	l.T.Helper()
	bin, once := homes.OpenDir(l.T), filepath.Join(homes.OpenDir(l.T), "met")
	l.Own(filepath.Dir(once))
	script := fmt.Sprintf("#!/bin/sh\ncase $* in\n*%s*) [ -e %s ] || { : >%[2]s; %[3]s; } ;;\nesac\nexec %s \"$@\"\n",
		file, once, commands, programOf(l, program))
	labtest.Program(l.T, filepath.Join(bin, program), script)
	l.Path = bin + ":" + l.Path
	l.Env = append(l.Env, "PATH="+l.Path)
}

// program returns where a program of the remote is.
func programOf(l *homes.Local, name string) string {
	l.T.Helper()
	for _, dir := range filepath.SplitList(l.Path + ":/usr/bin") {
		if path := filepath.Join(dir, name); exec.Command("test", "-x", path).Run() == nil {
			return path
		}
	}
	l.T.Fatalf("no %s", name)
	return ""
}

// TestWriteJustBeforeTheRename lets somebody else write to a file when its copy
// is complete and checked.
func TestWriteJustBeforeTheRename(t *testing.T) {
	homes.EachShell(t, func(t *testing.T, l *homes.Local) {
		t.Parallel()
		for commands, want := range map[string]homes.Tree{
			"echo mine >>.bashrc":        {".bashrc": {Content: envBlock + "x\nmine\n"}},
			"echo mine >b; mv b .bashrc": {".bashrc": {Content: envBlock + "mine\n"}},
			": >.bashrc":                 {".bashrc": {Content: envBlock}},
			"rm .bashrc":                 {".bashrc": {Content: envNewBlock}},
			"mkdir git; mv .bashrc git; ln -s git/.bashrc .":  {".bashrc": {Content: "git/.bashrc"}, "git/.bashrc": {Content: envBlock + "x\n"}},
			"chmod 600 .bashrc; echo mine >>.bashrc":          {".bashrc": {Content: envBlock + "x\nmine\n"}},
			"rm .bashrc; mkdir .bashrc; echo mine >.bashrc/a": {".bashrc/a": {Content: "mine\n"}},
		} {
			l := l.Another(t)
			l.Lay(homes.File(".bashrc", "x\n"), homes.File(".profile", debianProfile), homes.File(".ssh/rc", rcBlock))
			shadow(l, "ls", ".bashrc.mosha", commands)
			setUp(t, l)
			checkTree(t, commands, l.Tree(), want)
		}
	})
}

// checkTree checks the files that are named, and that none of ours is left.
func checkTree(t *testing.T, what string, got, want homes.Tree) {
	t.Helper()
	for path, n := range want {
		if got[path].Content != n.Content {
			t.Errorf("%s: %s is %q, want %q", what, path, got[path].Content, n.Content)
		}
	}
	for path := range got {
		if strings.Contains(path, "mosha.") && path != fishName {
			t.Errorf("%s: %s is left", what, path)
		}
	}
}

// TestFileThatAppearsMeanwhile lets somebody else make a file right before it
// gets its name, or a file system without hard links.
func TestFileThatAppearsMeanwhile(t *testing.T) {
	homes.EachShell(t, func(t *testing.T, l *homes.Local) {
		t.Parallel()
		for _, c := range []struct {
			commands string
			want     row
			tree     homes.Tree
		}{
			{"echo mine >.bashrc", changed(".bashrc"), homes.Tree{".bashrc": {Content: envBlock + "mine\n"}}},
			{"echo mine >.bashrc; exit 1", changed(".bashrc"), homes.Tree{".bashrc": {Content: envBlock + "mine\n"}}},
			{"ln -s gone .bashrc", skipped(".bashrc", Dangling), homes.Tree{".bashrc": {Content: "gone"}}},
			{"ln -s gone .bashrc; exit 1", skipped(".bashrc", Dangling), homes.Tree{".bashrc": {Content: "gone"}}},
			{"exit 1", bashrcNew, homes.Tree{".bashrc": {Content: envNewBlock}}},
		} {
			l := l.Another(t)
			l.Lay(homes.File(".profile", debianProfile), homes.File(".ssh/rc", rcBlock))
			shadow(l, "ln", ".bashrc.mosha", c.commands)
			compare(t, c.commands, rows(inPlace(".ssh/rc"), c.want), reported(t, setUp(t, l)))
			checkTree(t, c.commands, l.Tree(), c.tree)
		}
	})
}
