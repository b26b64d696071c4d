package bootstrap

import "strings"

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
		entries: []entry{file(".zshrc", "bindkey -e\n"), file(".zprofile", "x=1\n"), file(".profile", "y\n")},
		rows:    rows(rcNew, zshenvNew),
		content: map[string]string{".zshrc": "bindkey -e\n"},
	}, {
		name: "zsh with a bashrc", shell: zsh, typical: true,
		entries: []entry{file(".zshenv", ". ~/.cargo/env"), file(".bashrc", debianBashrc)},
		rows:    rows(rcNew, changed(".bashrc"), changed(".zshenv")),
		content: map[string]string{".zshenv": envBlock + ". ~/.cargo/env"},
	}, {
		name: "zsh whose zshenv sets ZDOTDIR", shell: zsh, env: []string{"ZDOTDIR=~/.config/zsh"},
		entries: []entry{
			file(".zshenv", "export ZDOTDIR=~/.config/zsh\n. $ZDOTDIR/.zshenv\n"), file(".config/zsh/.zshenv", "z=1\n"),
		},
		rows:    rows(rcNew, changed(".zshenv")),
		content: map[string]string{".config/zsh/.zshenv": "z=1\n"},
	}, {
		name: "zsh with ZDOTDIR from elsewhere", shell: zsh, typical: true, env: []string{"ZDOTDIR=~/zsh dir"},
		entries: []entry{file("zsh dir/.zshenv", "z=1\n"), file(".zshrc", "x\n")},
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
		entries: []entry{file("dotfiles/zsh/env", "z=1\r\n").with(0o600), symlink(".zshenv", "dotfiles/zsh/env")},
		rows:    rows(rcNew, through(".zshenv", "dotfiles/zsh/env")),
		content: map[string]string{"dotfiles/zsh/env": envBlock + "z=1\r\n"},
	}, {
		name: "zsh, read-only", shell: zsh, entries: []entry{file(".zshenv", "z=1\n").with(0o444)},
		rows: rows(rcNew, skipped(".zshenv", Unwritable)),
	}, {
		name: "zsh, interpreter line", shell: zsh, entries: []entry{file(".zshenv", "#!/bin/zsh\nz=1")},
		rows:    rows(rcNew, changed(".zshenv")),
		content: map[string]string{".zshenv": "#!/bin/zsh\n" + envBlock + "z=1"},
	}, {
		name: "zsh, older version", shell: zsh, entries: []entry{file(".zshenv", "a\n"+marked(1, true, oldBody)+"b")},
		rows:    rows(rcNew, changed(".zshenv")),
		content: map[string]string{".zshenv": "a\n" + envNewBlock + "b"},
	}, {
		name: "fish, nothing at all", shell: fish, typical: true, rows: rows(rcNew, fishNew), dirs: fishDirs,
		content: map[string]string{fishName: fishNewBlock},
	}, {
		name: "fish with a config", shell: fish,
		entries: []entry{dir(".ssh").with(0o700), file(".config/fish/config.fish", "set -g x 1\n")},
		rows:    rows(rcNew, fishNew), dirs: fishDirs[2:],
		content: map[string]string{".config/fish/config.fish": "set -g x 1\n"},
	}, {
		name: "fish with a bashrc", shell: fish, dirs: fishDirs,
		entries: []entry{file(".bashrc", debianBashrc)},
		rows:    rows(rcNew, changed(".bashrc"), fishNew),
	}, {
		name: "fish, config in a repository", shell: fish,
		entries: []entry{file("dotfiles/fish/conf.d/a.fish", ""), symlink(".config/fish", "../dotfiles/fish")},
		rows:    rows(rcNew, row{path: fishName, action: Created, target: "dotfiles/fish/conf.d/mosha.fish"}),
	}, {
		name: "fish, read-only config", shell: fish,
		entries: []entry{dir(".config/fish/conf.d").with(0o555)},
		rows:    rows(rcNew, row{path: fishName, action: Failed, reason: Denied}),
	}, {
		name: "fish, config is a file", shell: fish, entries: []entry{file(".config", "x")},
		rows: rows(rcNew, row{path: fishName, action: Failed, reason: WriteError}),
	}, {
		name: "fish with lines of one's own below the block", shell: fish,
		entries: []entry{file(fishName, fishNewBlock+"set -g mine 1")},
		rows:    rows(rcNew, inPlace(fishName)),
	}, {
		name: "fish with a mosha.fish of one's own", shell: fish, entries: []entry{file(fishName, "abbr m mosha\n")},
		rows:    rows(rcNew, changed(fishName)),
		content: map[string]string{fishName: fishBlock + "abbr m mosha\n"},
	}, {
		name: "fish with XDG_CONFIG_HOME", shell: fish, env: []string{"XDG_CONFIG_HOME=~/etc"},
		entries: []entry{file("etc/fish/config.fish", "")}, dirs: []string{"etc/fish/conf.d"},
		rows: rows(rcNew, row{path: xdgFishName, action: Created, target: "etc/fish/conf.d/mosha.fish"}),
	}, {
		name: "fish with XDG_CONFIG_HOME as usual", shell: fish, env: []string{"XDG_CONFIG_HOME=~/.config"},
		entries: []entry{file(".config/fish/config.fish", "")}, dirs: fishDirs[2:],
		rows: rows(rcNew, fishNew),
	}, {
		name: "tcsh, nothing at all", shell: tcsh, rows: rows(rcNew, cshrcNew),
		content: map[string]string{".cshrc": cshNewBlock},
	}, {
		name: "tcsh with a cshrc", shell: tcsh, entries: []entry{file(".cshrc", "alias ll ls -l"), file(".login", "x\n")},
		rows:    rows(rcNew, changed(".cshrc")),
		content: map[string]string{".cshrc": cshBlock + "alias ll ls -l"},
	}, {
		name: "tcsh with both", shell: tcsh, typical: true, entries: []entry{file(".cshrc", "c\n"), file(".tcshrc", "t\n")},
		rows: rows(rcNew, changed(".tcshrc")),
	}, {
		name: "tcsh with a link to nothing", shell: tcsh, entries: []entry{symlink(".tcshrc", "gone"), file(".cshrc", "c\n")},
		rows: rows(rcNew, changed(".cshrc")),
	}, {
		name: "tcsh, edited by hand", shell: tcsh,
		entries: []entry{file(".tcshrc", strings.Replace(cshBlock, "else if", "else  if", 1))},
		rows:    rows(rcNew, skipped(".tcshrc", Edited)),
	}, {
		name: "csh with a tcshrc", shell: csh, entries: []entry{file(".tcshrc", "t\n")},
		rows: rows(rcNew, cshrcNew),
	}, {
		name: "csh, CRLF and no last newline", shell: csh, entries: []entry{file(".cshrc", "a\r\nb")},
		rows: rows(rcNew, changed(".cshrc")), content: map[string]string{".cshrc": cshBlock + "a\r\nb"},
	}, {
		name: "mksh, nothing at all", shell: mksh, rows: rows(rcNew, profileAlone),
		content: map[string]string{".profile": envNewBlock},
	}, {
		name: "mksh with its rc", shell: mksh, entries: []entry{file(".mkshrc", "PS1='$ '\n"), file(".profile", ". ~/.bashrc\n")},
		rows: rows(rcNew, changed(".profile"), changed(".mkshrc")),
	}, {
		name: "ksh with ENV", shell: "/bin/ksh",
		entries: []entry{file(".kshrc", "k\n"), file(".profile", "export ENV=$HOME/.kshrc\n"), file(".bashrc", "b\n")},
		rows:    rows(rcNew, changed(".bashrc"), changed(".profile"), changed(".kshrc")),
	}, {
		name: "dash, nothing at all", shell: dash, rows: rows(rcNew, profileAlone),
	}, {
		name: "dash with ENV", shell: dash, typical: true,
		entries: []entry{file("etc/shrc", "s\n"), symlink(".shrc", "etc/shrc"), file(".profile", "ENV=~/.shrc; export ENV")},
		rows:    rows(rcNew, changed(".profile"), through(".shrc", "etc/shrc")),
	}, {
		name: "dash, a link to nothing for ENV", shell: dash, entries: []entry{symlink(".shrc", "gone")},
		rows: rows(rcNew, profileAlone),
	}, {
		name: "dash, no permission", shell: dash, entries: []entry{file(".profile", "x").with(0), file(".ashrc", "y").with(0o444)},
		rows: rows(rcNew, skipped(".profile", Unreadable), skipped(".ashrc", Unwritable)),
	}, {
		name: "busybox, profile that is a directory", shell: "/bin/ash", entries: []entry{dir(".profile")},
		rows: rows(rcNew, skipped(".profile", Irregular)),
	}, {
		name: "sh, too large", shell: "/bin/sh", entries: []entry{file(".profile", strings.Repeat("#", maxFile+1))},
		rows: rows(rcNew, skipped(".profile", TooLarge)),
	}, {
		name: "sh, newer version", shell: "/bin/sh", entries: []entry{file(".profile", marked(7, true, oldBody))},
		rows: rows(rcNew, inPlace(".profile")),
	}, {
		name: "sh, block cut in half", shell: "/bin/sh", entries: []entry{file(".profile", envBlock[:len(envBlock)/2])},
		rows: rows(rcNew, skipped(".profile", Unfinished)),
	}, {
		name: "restricted bash", shell: "/bin/rbash", entries: []entry{file(".bash_profile", "PATH=~/bin\n")},
		rows: rows(rcNew, bashrcNew, changed(".bash_profile")),
	}, {
		name: "a shell that nobody knows", shell: "/opt/bin/xonsh", entries: []entry{file(".profile", "x\n")},
		rows: rows(rcNew),
	}, {
		name: "a shell with a bashrc that nobody knows", shell: "/opt/bin/elvish", entries: []entry{file(".bashrc", "x\n")},
		rows: rows(rcNew, changed(".bashrc")),
	},
}

// profileAlone is a ~/.profile that is made for a shell of the sh family.
var profileAlone = row{path: ".profile", action: Created}
