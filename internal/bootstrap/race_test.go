package bootstrap

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mosha-ssh/mosha/internal/lab/labtest"
)

// shadow runs shell commands before a program of the remote, at the first
// call that names the file, or in its place if they exit.
func (l *local) shadow(program, file, commands string) {
	l.t.Helper()
	bin, once := openDir(l.t), filepath.Join(openDir(l.t), "met")
	l.own(filepath.Dir(once))
	script := fmt.Sprintf("#!/bin/sh\ncase $* in\n*%s*) [ -e %s ] || { : >%[2]s; %[3]s; } ;;\nesac\nexec %s \"$@\"\n",
		file, once, commands, l.program(program))
	labtest.Program(l.t, filepath.Join(bin, program), script)
	l.path = bin + ":" + l.path
	l.env = append(l.env, "PATH="+l.path)
}

// program returns where a program of the remote is.
func (l *local) program(name string) string {
	l.t.Helper()
	for _, dir := range filepath.SplitList(l.path + ":/usr/bin") {
		if path := filepath.Join(dir, name); exec.Command("test", "-x", path).Run() == nil {
			return path
		}
	}
	l.t.Fatalf("no %s", name)
	return ""
}

// TestWriteJustBeforeTheRename lets somebody else write to a file when its copy
// is complete and checked.
func TestWriteJustBeforeTheRename(t *testing.T) {
	eachShell(t, func(t *testing.T, l *local) {
		t.Parallel()
		for commands, want := range map[string]tree{
			"echo mine >>.bashrc":        {".bashrc": {content: envBlock + "x\nmine\n"}},
			"echo mine >b; mv b .bashrc": {".bashrc": {content: envBlock + "mine\n"}},
			": >.bashrc":                 {".bashrc": {content: envBlock}},
			"rm .bashrc":                 {".bashrc": {content: envNewBlock}},
			"mkdir git; mv .bashrc git; ln -s git/.bashrc .":  {".bashrc": {content: "git/.bashrc"}, "git/.bashrc": {content: envBlock + "x\n"}},
			"chmod 600 .bashrc; echo mine >>.bashrc":          {".bashrc": {content: envBlock + "x\nmine\n"}},
			"rm .bashrc; mkdir .bashrc; echo mine >.bashrc/a": {".bashrc/a": {content: "mine\n"}},
		} {
			l := l.another(t)
			l.lay(file(".bashrc", "x\n"), file(".profile", debianProfile), file(".ssh/rc", rcBlock))
			l.shadow("ls", ".bashrc.mosha", commands)
			setUp(t, l)
			checkTree(t, commands, l.tree(), want)
		}
	})
}

// checkTree checks the files that are named, and that none of ours is left.
func checkTree(t *testing.T, what string, got, want tree) {
	t.Helper()
	for path, n := range want {
		if got[path].content != n.content {
			t.Errorf("%s: %s is %q, want %q", what, path, got[path].content, n.content)
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
	eachShell(t, func(t *testing.T, l *local) {
		t.Parallel()
		for _, c := range []struct {
			commands string
			want     row
			tree     tree
		}{
			{"echo mine >.bashrc", changed(".bashrc"), tree{".bashrc": {content: envBlock + "mine\n"}}},
			{"echo mine >.bashrc; exit 1", changed(".bashrc"), tree{".bashrc": {content: envBlock + "mine\n"}}},
			{"ln -s gone .bashrc", skipped(".bashrc", Dangling), tree{".bashrc": {content: "gone"}}},
			{"ln -s gone .bashrc; exit 1", skipped(".bashrc", Dangling), tree{".bashrc": {content: "gone"}}},
			{"exit 1", bashrcNew, tree{".bashrc": {content: envNewBlock}}},
		} {
			l := l.another(t)
			l.lay(file(".profile", debianProfile), file(".ssh/rc", rcBlock))
			l.shadow("ln", ".bashrc.mosha", c.commands)
			compare(t, c.commands, rows(inPlace(".ssh/rc"), c.want), reported(t, setUp(t, l)))
			checkTree(t, c.commands, l.tree(), c.tree)
		}
	})
}
