package bootstrap

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/mosha-ssh/mosha/internal/remotesh"
)

// TestUndoAfterChsh sets a home up for zsh and takes it back when another shell
// is the login shell, or another file of zsh's counts.
func TestUndoAfterChsh(t *testing.T) {
	eachShell(t, func(t *testing.T, l *local) {
		t.Parallel()
		exported := func(l *local) { l.env = append(l.env, "ZDOTDIR="+l.home+"/z") }
		system := func(l *local) { l.shadow("zsh", "-fc", "ZDOTDIR=$HOME/z; export ZDOTDIR") }
		for name, c := range map[string]struct{ before, after func(l *local) }{
			"zsh is there": {exported, func(l *local) { l.env = append(l.env, "SHELL=/bin/bash") }},
			"zsh is gone": {exported, func(l *local) {
				l.env = append(l.env, "SHELL=/bin/bash")
				l.shadow("zsh", "", "exit 127")
			}},
			"the system sets it": {system, func(l *local) { system(l); l.env = append(l.env, "SHELL=/bin/dash") }},
			"a younger ~/.zshenv": {exported, func(l *local) {
				check(l.t, os.WriteFile(filepath.Join(l.home, ".zshenv"), []byte("x=1\n"), 0o644))
				l.own(filepath.Join(l.home, ".zshenv"))
			}},
		} {
			t.Run(name, func(t *testing.T) {
				l := l.another(t)
				l.lay(file("z/.zshenv", "z=1\n"))
				before := l.tree()
				c.before(l)
				l.env = append(l.env, "SHELL="+l.program("zsh"))
				compare(t, "set-up", rows(rcNew, changed(zdotName)), reported(t, setUp(t, l)))
				c.after(l)
				compare(t, "undo", rows(removed(".ssh/rc"), restored(zdotName)), reported(t, undo(t, l)))
				if d := differences(timeless(before), timeless(l.tree()), ".zshenv"); d != "" {
					t.Error(d)
				}
			})
		}
	})
}

// TestDirectoriesOfAFailedCreate makes a file fail when its directories are
// made: they go again, and the next set-up still knows them for its own.
func TestDirectoriesOfAFailedCreate(t *testing.T) {
	eachShell(t, func(t *testing.T, l *local) {
		t.Parallel()
		for name, fail := range map[string]func(l *local){
			"mkdir": func(l *local) { l.shadow("mkdir", "fish", "mkdir .config; exit 1") },
			"rm":    func(l *local) { l.shadow("rm", "mosha.fish.mosha", "exit 1") },
			"rename": func(l *local) {
				l.shadow("ln", "mosha.fish.mosha", "exit 1")
				l.shadow("mv", "mosha.fish.mosha", "exit 1")
			},
			"signal": func(l *local) { l.shadow("ln", "mosha.fish.mosha", "kill -HUP 0") },
		} {
			t.Run(name, func(t *testing.T) {
				l := l.another(t)
				l.env = append(l.env, "SHELL="+fish)
				before := l.tree()
				failing := *l
				failing.env = slices.Clone(l.env)
				fail(&failing)
				report, err := Setup(t.Context(), &failing)
				if name == "signal" {
					compare(t, "error", remotesh.Ended, kindOf(t, err))
				} else {
					compare(t, "failing", rows(rcNew, row{path: fishName, action: Failed, reason: WriteError}), reported(t, report))
				}
				if d := differences(before, l.tree(), ".ssh", ".ssh/rc"); d != "" {
					t.Error(d)
				}
				compare(t, "again", rows(inPlace(".ssh/rc"), fishNew), reported(t, setUp(t, l)))
				undo(t, l)
				if d := differences(timeless(before), timeless(l.tree())); d != "" {
					t.Errorf("after undo: %s", d)
				}
			})
		}
	})
}
