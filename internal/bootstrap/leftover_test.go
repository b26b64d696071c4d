package bootstrap

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/mosha-ssh/mosha/internal/lab/homes"
	"github.com/mosha-ssh/mosha/internal/remotesh"
)

// TestUndoAfterChsh sets a home up for zsh and takes it back when another shell
// is the login shell, or another file of zsh's counts.
func TestUndoAfterChsh(t *testing.T) {
	homes.EachShell(t, func(t *testing.T, l *homes.Local) {
		t.Parallel()
		exported := func(l *homes.Local) { l.Env = append(l.Env, "ZDOTDIR="+l.Home+"/z") }
		system := func(l *homes.Local) { shadow(l, "zsh", "-fc", "ZDOTDIR=$HOME/z; export ZDOTDIR") }
		for name, c := range map[string]struct{ before, after func(l *homes.Local) }{
			"zsh is there": {exported, func(l *homes.Local) { l.Env = append(l.Env, "SHELL=/bin/bash") }},
			"zsh is gone": {exported, func(l *homes.Local) {
				l.Env = append(l.Env, "SHELL=/bin/bash")
				shadow(l, "zsh", "", "exit 127")
			}},
			"the system sets it": {system, func(l *homes.Local) { system(l); l.Env = append(l.Env, "SHELL=/bin/dash") }},
			"a younger ~/.zshenv": {exported, func(l *homes.Local) {
				homes.Check(l.T, os.WriteFile(filepath.Join(l.Home, ".zshenv"), []byte("x=1\n"), 0o644))
				l.Own(filepath.Join(l.Home, ".zshenv"))
			}},
		} {
			t.Run(name, func(t *testing.T) {
				l := l.Another(t)
				l.Lay(homes.File("z/.zshenv", "z=1\n"))
				before := l.Tree()
				c.before(l)
				l.Env = append(l.Env, "SHELL="+programOf(l, "zsh"))
				compare(t, "set-up", rows(rcNew, changed(zdotName)), reported(t, setUp(t, l)))
				c.after(l)
				compare(t, "undo", rows(removed(".ssh/rc"), restored(zdotName)), reported(t, undo(t, l)))
				if d := homes.Differences(timeless(before), timeless(l.Tree()), ".zshenv"); d != "" {
					t.Error(d)
				}
			})
		}
	})
}

// TestDirectoriesOfAFailedCreate makes a file fail when its directories are
// made: they go again, and the next set-up still knows them for its own.
func TestDirectoriesOfAFailedCreate(t *testing.T) {
	homes.EachShell(t, func(t *testing.T, l *homes.Local) {
		t.Parallel()
		for name, fail := range map[string]func(l *homes.Local){
			"mkdir": func(l *homes.Local) { shadow(l, "mkdir", "fish", "mkdir .config; exit 1") },
			"rm":    func(l *homes.Local) { shadow(l, "rm", "mosha.fish.mosha", "exit 1") },
			"rename": func(l *homes.Local) {
				shadow(l, "ln", "mosha.fish.mosha", "exit 1")
				shadow(l, "mv", "mosha.fish.mosha", "exit 1")
			},
			"signal": func(l *homes.Local) { shadow(l, "ln", "mosha.fish.mosha", "kill -HUP 0") },
		} {
			t.Run(name, func(t *testing.T) {
				l := l.Another(t)
				l.Env = append(l.Env, "SHELL="+fish)
				before := l.Tree()
				failing := *l
				failing.Env = slices.Clone(l.Env)
				fail(&failing)
				report, err := Setup(t.Context(), &failing)
				if name == "signal" {
					compare(t, "error", remotesh.Ended, kindOf(t, err))
				} else {
					compare(t, "failing", rows(rcNew, row{path: fishName, action: Failed, reason: WriteError}), reported(t, report))
				}
				if d := homes.Differences(before, l.Tree(), ".ssh", ".ssh/rc"); d != "" {
					t.Error(d)
				}
				compare(t, "again", rows(inPlace(".ssh/rc"), fishNew), reported(t, setUp(t, l)))
				undo(t, l)
				if d := homes.Differences(timeless(before), timeless(l.Tree())); d != "" {
					t.Errorf("after undo: %s", d)
				}
			})
		}
	})
}
