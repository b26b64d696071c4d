package bootstrap

import (
	"strings"

	"github.com/mosha-ssh/mosha/internal/lab/homes"
)

const (
	zsh  = "/usr/bin/zsh"
	fish = "/usr/bin/fish"
	tcsh = "/usr/bin/tcsh"
	csh  = "/bin/csh"
	mksh = "/bin/mksh"
	dash = "/bin/dash"
)

var (
	zshenvNew = row{path: ".zshenv", action: Created}
	fishNew   = row{path: fishName, action: Created}
	cshrcNew  = row{path: ".cshrc", action: Created}
	fishDirs  = []string{".config", ".config/fish", ".config/fish/conf.d"}
)

// otherCorpus is the homes of those who log in with another shell.
var otherCorpus = []sample{
	{
		name: "zsh, nothing at all", shell: zsh, rows: rows(rcNew, zshenvNew),
		content: map[string]string{".zshenv": envNewBlock},
	}, {
		name: "zsh, no zshenv", shell: zsh,
		entries: []homes.Entry{homes.File(".zshrc", "bindkey -e\n"), homes.File(".zprofile", "x=1\n"), homes.File(".profile", "y\n")},
		rows:    rows(rcNew, zshenvNew),
		content: map[string]string{".zshrc": "bindkey -e\n"},
	}, {
		name: "zsh with a bashrc", shell: zsh, typical: true,
		entries: []homes.Entry{homes.File(".zshenv", ". ~/.cargo/env"), homes.File(".bashrc", debianBashrc)},
		rows:    rows(rcNew, changed(".bashrc"), changed(".zshenv")),
		content: map[string]string{".zshenv": envBlock + ". ~/.cargo/env"},
	}, {
		name: "zsh whose zshenv sets ZDOTDIR", shell: zsh, env: []string{"ZDOTDIR=~/.config/zsh"},
		entries: []homes.Entry{
			homes.File(".zshenv", "export ZDOTDIR=~/.config/zsh\n. $ZDOTDIR/.zshenv\n"), homes.File(".config/zsh/.zshenv", "z=1\n"),
		},
		rows:    rows(rcNew, changed(".zshenv")),
		content: map[string]string{".config/zsh/.zshenv": "z=1\n"},
	}, {
		name: "zsh with ZDOTDIR from elsewhere", shell: zsh, typical: true, env: []string{"ZDOTDIR=~/zsh dir"},
		entries: []homes.Entry{homes.File("zsh dir/.zshenv", "z=1\n"), homes.File(".zshrc", "x\n")},
		rows:    rows(rcNew, through("ZDOTDIR/.zshenv", "zsh dir/.zshenv")),
		content: map[string]string{"zsh dir/.zshenv": envBlock + "z=1\n"},
	}, {
		name: "zsh with ZDOTDIR that is the home", shell: zsh, env: []string{"ZDOTDIR=~/"},
		rows: rows(rcNew, zshenvNew),
	}, {
		name: "zsh with ZDOTDIR that is not there", shell: zsh, env: []string{"ZDOTDIR=~/gone"},
		rows: rows(rcNew, zshenvNew),
	}, {
		name: "zsh, links into a repository", shell: zsh,
		entries: []homes.Entry{homes.File("dotfiles/zsh/env", "z=1\r\n").With(0o600), homes.Symlink(".zshenv", "dotfiles/zsh/env")},
		rows:    rows(rcNew, through(".zshenv", "dotfiles/zsh/env")),
		content: map[string]string{"dotfiles/zsh/env": envBlock + "z=1\r\n"},
	}, {
		name: "zsh, read-only", shell: zsh, entries: []homes.Entry{homes.File(".zshenv", "z=1\n").With(0o444)},
		rows: rows(rcNew, skipped(".zshenv", Unwritable)),
	}, {
		name: "zsh, interpreter line", shell: zsh, entries: []homes.Entry{homes.File(".zshenv", "#!/bin/zsh\nz=1")},
		rows:    rows(rcNew, changed(".zshenv")),
		content: map[string]string{".zshenv": "#!/bin/zsh\n" + envBlock + "z=1"},
	}, {
		name: "zsh, older version", shell: zsh, entries: []homes.Entry{homes.File(".zshenv", "a\n"+marked(1, true, oldBody)+"b")},
		rows:    rows(rcNew, changed(".zshenv")),
		content: map[string]string{".zshenv": "a\n" + envNewBlock + "b"},
	}, {
		name: "fish, nothing at all", shell: fish, typical: true, rows: rows(rcNew, fishNew), dirs: fishDirs,
		content: map[string]string{fishName: fishNewBlock},
	}, {
		name: "fish with a config", shell: fish,
		entries: []homes.Entry{homes.Dir(".ssh").With(0o700), homes.File(".config/fish/config.fish", "set -g x 1\n")},
		rows:    rows(rcNew, fishNew), dirs: fishDirs[2:],
		content: map[string]string{".config/fish/config.fish": "set -g x 1\n"},
	}, {
		name: "fish with a bashrc", shell: fish, dirs: fishDirs,
		entries: []homes.Entry{homes.File(".bashrc", debianBashrc)},
		rows:    rows(rcNew, changed(".bashrc"), fishNew),
	}, {
		name: "fish, config in a repository", shell: fish,
		entries: []homes.Entry{homes.File("dotfiles/fish/conf.d/a.fish", ""), homes.Symlink(".config/fish", "../dotfiles/fish")},
		rows:    rows(rcNew, row{path: fishName, action: Created, target: "dotfiles/fish/conf.d/mosha.fish"}),
	}, {
		name: "fish, read-only config", shell: fish,
		entries: []homes.Entry{homes.Dir(".config/fish/conf.d").With(0o555)},
		rows:    rows(rcNew, row{path: fishName, action: Failed, reason: Denied}),
	}, {
		name: "fish, config is a file", shell: fish, entries: []homes.Entry{homes.File(".config", "x")},
		rows: rows(rcNew, row{path: fishName, action: Failed, reason: WriteError}),
	}, {
		name: "fish with lines of one's own below the block", shell: fish,
		entries: []homes.Entry{homes.File(fishName, fishNewBlock+"set -g mine 1")},
		rows:    rows(rcNew, inPlace(fishName)),
	}, {
		name: "fish with a mosha.fish of one's own", shell: fish, entries: []homes.Entry{homes.File(fishName, "abbr m mosha\n")},
		rows:    rows(rcNew, changed(fishName)),
		content: map[string]string{fishName: fishBlock + "abbr m mosha\n"},
	}, {
		name: "fish with XDG_CONFIG_HOME", shell: fish, env: []string{"XDG_CONFIG_HOME=~/etc"},
		entries: []homes.Entry{homes.File("etc/fish/config.fish", "")}, dirs: []string{"etc/fish/conf.d"},
		rows: rows(rcNew, row{path: xdgFishName, action: Created, target: "etc/fish/conf.d/mosha.fish"}),
	}, {
		name: "fish with XDG_CONFIG_HOME as usual", shell: fish, env: []string{"XDG_CONFIG_HOME=~/.config"},
		entries: []homes.Entry{homes.File(".config/fish/config.fish", "")}, dirs: fishDirs[2:],
		rows: rows(rcNew, fishNew),
	}, {
		name: "tcsh, nothing at all", shell: tcsh, rows: rows(rcNew, cshrcNew),
		content: map[string]string{".cshrc": cshNewBlock},
	}, {
		name: "tcsh with a cshrc", shell: tcsh, entries: []homes.Entry{homes.File(".cshrc", "alias ll ls -l"), homes.File(".login", "x\n")},
		rows:    rows(rcNew, changed(".cshrc")),
		content: map[string]string{".cshrc": cshBlock + "alias ll ls -l"},
	}, {
		name: "tcsh with both", shell: tcsh, typical: true, entries: []homes.Entry{homes.File(".cshrc", "c\n"), homes.File(".tcshrc", "t\n")},
		rows: rows(rcNew, changed(".tcshrc")),
	}, {
		name: "tcsh with a link to nothing", shell: tcsh, entries: []homes.Entry{homes.Symlink(".tcshrc", "gone"), homes.File(".cshrc", "c\n")},
		rows: rows(rcNew, changed(".cshrc")),
	}, {
		name: "tcsh, edited by hand", shell: tcsh,
		entries: []homes.Entry{homes.File(".tcshrc", strings.Replace(cshBlock, "else if", "else  if", 1))},
		rows:    rows(rcNew, skipped(".tcshrc", Edited)),
	}, {
		name: "csh with a tcshrc", shell: csh, entries: []homes.Entry{homes.File(".tcshrc", "t\n")},
		rows: rows(rcNew, cshrcNew),
	}, {
		name: "csh, CRLF and no last newline", shell: csh, entries: []homes.Entry{homes.File(".cshrc", "a\r\nb")},
		rows: rows(rcNew, changed(".cshrc")), content: map[string]string{".cshrc": cshBlock + "a\r\nb"},
	}, {
		name: "mksh, nothing at all", shell: mksh, rows: rows(rcNew, profileAlone),
		content: map[string]string{".profile": envNewBlock},
	}, {
		name: "mksh with its rc", shell: mksh, entries: []homes.Entry{homes.File(".mkshrc", "PS1='$ '\n"), homes.File(".profile", ". ~/.bashrc\n")},
		rows: rows(rcNew, changed(".profile"), changed(".mkshrc")),
	}, {
		name: "ksh with ENV", shell: "/bin/ksh",
		entries: []homes.Entry{homes.File(".kshrc", "k\n"), homes.File(".profile", "export ENV=$HOME/.kshrc\n"), homes.File(".bashrc", "b\n")},
		rows:    rows(rcNew, changed(".bashrc"), changed(".profile"), changed(".kshrc")),
	}, {
		name: "dash, nothing at all", shell: dash, rows: rows(rcNew, profileAlone),
	}, {
		name: "dash with ENV", shell: dash, typical: true,
		entries: []homes.Entry{homes.File("etc/shrc", "s\n"), homes.Symlink(".shrc", "etc/shrc"), homes.File(".profile", "ENV=~/.shrc; export ENV")},
		rows:    rows(rcNew, changed(".profile"), through(".shrc", "etc/shrc")),
	}, {
		name: "dash, a link to nothing for ENV", shell: dash, entries: []homes.Entry{homes.Symlink(".shrc", "gone")},
		rows: rows(rcNew, profileAlone),
	}, {
		name: "dash, no permission", shell: dash, entries: []homes.Entry{homes.File(".profile", "x").With(0), homes.File(".ashrc", "y").With(0o444)},
		rows: rows(rcNew, skipped(".profile", Unreadable), skipped(".ashrc", Unwritable)),
	}, {
		name: "busybox, profile that is a directory", shell: "/bin/ash", entries: []homes.Entry{homes.Dir(".profile")},
		rows: rows(rcNew, skipped(".profile", Irregular)),
	}, {
		name: "sh, too large", shell: "/bin/sh", entries: []homes.Entry{homes.File(".profile", strings.Repeat("#", maxFile+1))},
		rows: rows(rcNew, skipped(".profile", TooLarge)),
	}, {
		name: "sh, newer version", shell: "/bin/sh", entries: []homes.Entry{homes.File(".profile", marked(7, true, oldBody))},
		rows: rows(rcNew, inPlace(".profile")),
	}, {
		name: "sh, block cut in half", shell: "/bin/sh", entries: []homes.Entry{homes.File(".profile", envBlock[:len(envBlock)/2])},
		rows: rows(rcNew, skipped(".profile", Unfinished)),
	}, {
		name: "restricted bash", shell: "/bin/rbash", entries: []homes.Entry{homes.File(".bash_profile", "PATH=~/bin\n")},
		rows: rows(rcNew, bashrcNew, changed(".bash_profile")),
	}, {
		name: "a shell that nobody knows", shell: "/opt/bin/xonsh", entries: []homes.Entry{homes.File(".profile", "x\n")},
		rows: rows(rcNew),
	}, {
		name: "a shell with a bashrc that nobody knows", shell: "/opt/bin/elvish", entries: []homes.Entry{homes.File(".bashrc", "x\n")},
		rows: rows(rcNew, changed(".bashrc")),
	},
}

// profileAlone is a ~/.profile that is made for a shell of the sh family.
var profileAlone = row{path: ".profile", action: Created}
