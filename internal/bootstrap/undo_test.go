package bootstrap

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/mosha-ssh/mosha/internal/lab/homes"
	"github.com/mosha-ssh/mosha/internal/lab/labtest"
	"github.com/mosha-ssh/mosha/internal/remotesh"
)

// undo runs Undo, which must not fail as a whole.
func undo(t *testing.T, l *homes.Local) Report {
	t.Helper()
	report, err := Undo(t.Context(), l)
	homes.Check(t, err)
	return report
}

func removed(path string) row  { return row{path: path, action: Removed} }
func restored(path string) row { return row{path: path, action: Restored} }

// undoCases are homes in which not everything is as set-up left it.
var undoCases = []struct {
	name    string
	shell   string
	entries []homes.Entry
	rows    []row
	content map[string]string // afterwards; "-" for a file that is gone
}{
	{name: "nothing of ours", entries: []homes.Entry{homes.File(".bashrc", "x\n"), homes.File(".ssh/rc", "y\n")}},
	{
		name: "for another shell than today's", shell: zsh,
		entries: []homes.Entry{
			homes.File(".bashrc", envBlock+"x"), homes.File(".profile", profileBlock), homes.File(".cshrc", cshNewBlock), homes.File(".mkshrc", envBlock),
			homes.File(fishName, fishNewBlock),
		},
		rows: rows(restored(".bashrc"), removed(".profile"), removed(fishName), removed(".cshrc"), restored(".mkshrc")),
		content: map[string]string{
			".bashrc": "x", ".profile": "-", ".cshrc": "-", ".config": "-", ".mkshrc": "",
		},
	}, {
		name:    "older and newer versions",
		entries: []homes.Entry{homes.File(".bashrc", marked(0, false, oldBody)+"x\n"), homes.File(".profile", marked(9, true, oldBody))},
		rows:    rows(restored(".bashrc"), removed(".profile")),
		content: map[string]string{".bashrc": "x\n", ".profile": "-"},
	}, {
		name:    "lines of one's own in a file of ours",
		entries: []homes.Entry{homes.File(".bashrc", envNewBlock+"alias a=b"), homes.File(".profile", "\n"+profileBlock+"\n \n"), homes.Dir(".ssh"), homes.File(".ssh/rc", rcDirBlock)},
		rows:    rows(removed(".ssh/rc"), restored(".bashrc"), removed(".profile")),
		content: map[string]string{".bashrc": "alias a=b", ".profile": "-", ".ssh": "-"},
	}, {
		name: "directories that others use too",
		entries: []homes.Entry{
			homes.File(".ssh/rc", rcDirBlock), homes.File(".ssh/known_hosts", "k"), homes.File(fishName, fishNewBlock), homes.File(".config/fish/config.fish", ""),
		},
		rows:    rows(removed(".ssh/rc"), removed(fishName)),
		content: map[string]string{".ssh/rc": "-", ".ssh/known_hosts": "k", ".config/fish/conf.d": "-", ".config/fish/config.fish": ""},
	}, {
		name: "edited, cut, doubled",
		entries: []homes.Entry{
			homes.File(".bashrc", strings.Replace(envBlock, "export", "# export", 1)), homes.File(".profile", envBlock+envBlock),
			homes.File(".zshenv", strings.TrimSuffix(envBlock, endLine+"\n")), homes.File(".cshrc", strings.ReplaceAll(cshBlock, "\n", "\r\n")),
		},
		rows: rows(skipped(".bashrc", Edited), skipped(".profile", Several), skipped(".zshenv", Unfinished), skipped(".cshrc", Edited)),
	}, {
		name: "not to be read or written",
		entries: []homes.Entry{
			homes.File(".bashrc", "x").With(0), homes.File(".profile", envBlock).With(0o444), homes.File(".zshenv", strings.Repeat("#", maxFile+1)),
		},
		rows: rows(skipped(".bashrc", Unreadable), skipped(".profile", Unwritable), skipped(".zshenv", TooLarge)),
	}, {
		name:    "moved into a repository since",
		entries: []homes.Entry{homes.File("dotfiles/bashrc", envNewBlock), homes.Symlink(".bashrc", "dotfiles/bashrc"), homes.Symlink(".profile", ".bashrc")},
		rows:    rows(restored(".bashrc")),
		content: map[string]string{"dotfiles/bashrc": "", ".bashrc": "dotfiles/bashrc"},
	}, {
		name: "of ours, and a link since",
		entries: []homes.Entry{
			homes.File("dotfiles/bashrc", envNewBlock), homes.Symlink(".bashrc", "dotfiles/bashrc"),
			homes.Dir(".ssh"), homes.File("dotfiles/rc", rcDirBlock+" \n"), homes.Symlink(".ssh/rc", "../dotfiles/rc"),
		},
		rows:    rows(restored(".ssh/rc"), restored(".bashrc")),
		content: map[string]string{"dotfiles/bashrc": "", "dotfiles/rc": " \n", ".ssh/rc": "../dotfiles/rc"},
	}, {
		name: "several names",
		entries: []homes.Entry{
			homes.File("a", envBlock), homes.Hard(".bashrc", "a"), homes.File("b", profileBlock), homes.Hard(".profile", "b"),
		},
		rows:    rows(skipped(".bashrc", Attributes), removed(".profile")),
		content: map[string]string{"a": envBlock, "b": profileBlock, ".profile": "-"},
	}, {
		name:    "the link",
		entries: []homes.Entry{homes.Symlink(remotesh.LinkPath, "/tmp/gone"), homes.Symlink(remotesh.LinkPath+".123", "/tmp/gone"), homes.File(remotesh.LinkPath+".save", "s"), homes.File(".ssh/rc", rcBlock)},
		rows:    rows(removed(remotesh.LinkPath), restored(".ssh/rc")),
		content: map[string]string{".ssh/rc": "", remotesh.LinkPath: "-", remotesh.LinkPath + ".123": "-", remotesh.LinkPath + ".save": "s"},
	}, {
		name:    "a link of one's own",
		entries: []homes.Entry{homes.Symlink(remotesh.LinkPath, "/tmp/gone"), homes.File(".ssh/rc", rcBlock+"ln -sf $SSH_AUTH_SOCK ~/.ssh/ssh_auth_sock\n")},
		rows:    rows(skipped(remotesh.LinkPath, Needed), restored(".ssh/rc")),
	}, {
		name:    "a file of the link's name",
		entries: []homes.Entry{homes.File(remotesh.LinkPath, "mine"), homes.File(".bashrc", envBlock)},
		rows:    rows(restored(".bashrc")),
	},
}

func TestUndo(t *testing.T) {
	homes.EachShell(t, func(t *testing.T, l *homes.Local) {
		t.Parallel()
		for _, c := range undoCases {
			t.Run(c.name, func(t *testing.T) {
				l := l.Another(t)
				if c.shell != "" {
					l.Env = append(l.Env, "SHELL="+c.shell)
				}
				l.Lay(c.entries...)
				before := l.Tree()
				preview, err := PreviewUndo(t.Context(), l)
				homes.Check(t, err)
				if d := homes.Differences(before, l.Tree()); d != "" {
					t.Errorf("a preview changed something: %s", d)
				}
				compare(t, "report", c.rows, reported(t, undo(t, l)))
				// What a link shows twice is found out only by writing.
				if c.name != "moved into a repository since" {
					compare(t, "preview", c.rows, reported(t, preview))
				}
				checkDiffs(t, preview)
				after := l.Tree()
				for path, want := range c.content {
					got, there := after[path]
					if want == "-" != !there || there && got.Content != want {
						t.Errorf("%s is %q, want %q", path, got.Content, want)
					}
				}
				for _, r := range c.rows {
					if r.action == Skipped && before[r.path] != after[r.path] {
						t.Errorf("%s was changed", r.path)
					}
				}
				if again := reported(t, undo(t, l)); len(again) != len(rowsOf(c.rows, Skipped)) {
					t.Errorf("a second undo: %v", again)
				}
			})
		}
	})
}

// checkDiffs checks that a diff removes a file exactly if the report does.
func checkDiffs(t *testing.T, preview Report) {
	t.Helper()
	for _, f := range preview.Files {
		goes := bytes.Contains(f.Diff, []byte("\n+++ /dev/null\n"))
		if goes != (f.Action == Removed && len(f.Diff) > 0) {
			t.Errorf("%s is %v, and its diff says %q", f.Path, f.Action, f.Diff)
		}
	}
}

func rowsOf(all []row, a Action) []row {
	var some []row
	for _, r := range all {
		if r.action == a {
			some = append(some, r)
		}
	}
	return some
}

// TestUndoIsExact sets homes that chance has made up, some of them twice, and
// takes it back: every byte, mode and link is then what it was.
func TestUndoIsExact(t *testing.T) {
	many := uint64(3)
	if labtest.Whole {
		many = 30
	}
	homes.EachShell(t, func(t *testing.T, l *homes.Local) {
		t.Parallel()
		for seed := range many {
			t.Run(fmt.Sprint(seed), func(t *testing.T) { testExact(t, l.Another(t), rand.New(rand.NewPCG(seed, 0))) })
		}
	})
}

func testExact(t *testing.T, l *homes.Local, r *rand.Rand) {
	shells := []string{"/bin/bash", zsh, fish, tcsh, csh, mksh, dash, "/bin/nologin"}
	l.Env = append(l.Env, "SHELL="+shells[r.IntN(len(shells))])
	if r.IntN(4) == 0 {
		l.Env = append(l.Env, "ZDOTDIR="+l.Home+"/zsh", "XDG_CONFIG_HOME="+l.Home+"/xdg")
	}
	l.Lay(randomHome(r)...)
	before := l.Tree()
	for range 1 + r.IntN(2) {
		setUp(t, l)
	}
	if r.IntN(2) == 0 {
		if _, ok := l.Tree()[".ssh"]; ok { // a session left its link
			_ = os.Symlink("/tmp/ssh-gone/agent.1", filepath.Join(l.Home, remotesh.LinkPath))
		}
	}
	undo(t, l)
	if d := homes.Differences(timeless(before), timeless(l.Tree())); d != "" {
		t.Errorf("%v: %s", l.Env, d)
	}
}

// randomHome returns start-up files of every kind.
func randomHome(r *rand.Rand) []homes.Entry {
	names := []string{
		".ssh/rc", ".ssh/config", ".bashrc", ".bash_profile", ".bash_login", ".profile", ".zshenv", "zsh/.zshenv", "zsh/.zshrc",
		".config/fish/config.fish", ".config/fish/conf.d/a.fish", fishName, "xdg/fish/config.fish", "xdg/fish/conf.d/mosha.fish",
		".tcshrc", ".cshrc", ".shrc", ".kshrc", ".mkshrc",
	}
	var all []homes.Entry
	for i, name := range names {
		repository := fmt.Sprintf("dotfiles/%d/it", i)
		up := strings.Repeat("../", strings.Count(name, "/"))
		switch r.IntN(8) {
		case 0, 1, 2:
			all = append(all, homes.File(name, randomContent(r)).With(randomMode(r)))
		case 3:
			all = append(all, homes.File(repository, randomContent(r)).With(randomMode(r)), homes.Symlink(name, up+repository))
		case 4:
			if r.IntN(3) == 0 {
				all = append(all, homes.Symlink(name, up+"gone"))
			}
		case 5:
			if r.IntN(4) == 0 {
				all = append(all, homes.Dir(name))
			}
		}
	}
	return all
}

func randomMode(r *rand.Rand) os.FileMode {
	return []os.FileMode{0o644, 0o600, 0o640, 0o755, 0o666, 0o700, 0o444, 0o200}[r.IntN(8)]
}

// randomContent returns lines as they may be, and bytes that are none.
func randomContent(r *rand.Rand) string {
	words := []string{
		"#!/bin/sh\n", "\n", " ", "x=1\n", "x=1\r\n", ". ~/.bashrc\n", "\xff\xfe\x00", "# >> mosha\n", "case $- in *i*) ;; *) return ;; esac\n",
		"'\\\n", "\t$(x)`y`\n", "end", strings.Repeat("long ", 1000), "\r\n", "é\n", "%s\\n\n",
	}
	var b strings.Builder
	for range r.IntN(8) {
		b.WriteString(words[r.IntN(len(words))])
	}
	return b.String()
}

// TestUndoBesideSetups runs both at once: a file is as the one or the
// other leaves it, never in between.
func TestUndoBesideSetups(t *testing.T) {
	l := homes.NewLocal(t, homes.Shells[0].Argv, "")
	l.Lay(homes.File(".bashrc", debianBashrc), homes.File(".profile", "x=1\n"), homes.Dir(".ssh").With(0o700))
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			do := Setup
			if i%2 == 0 {
				do = Undo
			}
			if _, err := do(t.Context(), l); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for path, n := range l.Tree() {
		valid := map[string][]string{
			".bashrc": {debianBashrc, envBlock + debianBashrc}, ".profile": {"x=1\n", envBlock + "x=1\n"}, ".ssh/rc": {rcNewBlock},
			".ssh": {""}, ".": {""},
		}[path]
		ok := false
		for _, v := range valid {
			ok = ok || v == n.Content
		}
		if !ok {
			t.Errorf("%s is %q", path, n.Content)
		}
	}
	undo(t, l)
	compare(t, ".bashrc", debianBashrc, l.Read(".bashrc"))
	compare(t, "files", 4, len(l.Tree()))
}

// TestPreviewIsAPatch lets patch(1) do what set-up would have done.
func TestPreviewIsAPatch(t *testing.T) {
	t.Parallel()
	outer := homes.NewLocal(t, homes.Shells[0].Argv, "")
	for _, s := range slices.Concat(corpus, otherCorpus) {
		if slices.ContainsFunc(s.entries, func(e homes.Entry) bool { return e.Link != "" }) || s.env != nil {
			continue // patch writes a file in a link's place, and knows of no ZDOTDIR
		}
		if !s.typical && !labtest.Whole {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			l, other := outer.Another(t), outer.Another(t)
			for _, h := range []*homes.Local{l, other} {
				if s.shell != "" {
					h.Env = append(h.Env, "SHELL="+s.shell)
				}
				h.Lay(s.entries...)
			}
			before := l.Tree()
			report, err := PreviewSetup(t.Context(), l)
			homes.Check(t, err)
			if d := homes.Differences(before, l.Tree()); d != "" {
				t.Errorf("a preview changed something: %s", d)
			}
			written := setUp(t, other)
			var patch []byte
			for i, f := range report.Files {
				if f.Action != written.Files[i].Action {
					t.Errorf("%s: %v, but %v", f.Path, f.Action, written.Files[i].Action)
				}
				if written.Files[i].Cause == nil {
					patch = append(patch, f.Diff...)
				}
			}
			c := l.Command("patch", "-p0", "--no-backup-if-mismatch", "--binary", "-f")
			c.Stdin = bytes.NewReader(patch)
			if out, err := c.CombinedOutput(); err != nil && len(patch) > 0 {
				t.Fatalf("%v: %s\n%s", err, out, patch)
			}
			now, want := l.Tree(), other.Tree()
			for path, n := range want {
				compare(t, path, n.Content, now[path].Content)
			}
		})
	}
}
