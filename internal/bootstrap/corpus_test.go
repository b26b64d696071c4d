package bootstrap

import (
	"strings"

	"github.com/mosha-ssh/mosha/internal/lab/homes"
)

// row is what set-up is expected to report of a file.
type row struct {
	path   string // without ~/
	action Action
	reason Reason
	target string // where the bytes are, if path is a link
}

// sample is a home and what set-up is to make of it.
type sample struct {
	name    string
	typical bool     // it stands for others
	shell   string   // /bin/bash if empty
	env     []string // ~ stands for the home
	entries []homes.Entry
	rows    []row
	dirs    []string // that are made beside .ssh
	// content is what a file is to contain afterwards; of a file that is not
	// named here all that is expected is that its old bytes are left.
	content map[string]string
}

func rows(rows ...row) []row { return rows }

var (
	rcNew      = row{path: ".ssh/rc", action: Created}
	bashrcNew  = row{path: ".bashrc", action: Created}
	profileNew = row{path: ".profile", action: Created}
)

func changed(path string) row           { return row{path: path, action: Changed} }
func inPlace(path string) row           { return row{path: path, action: InPlace} }
func skipped(path string, r Reason) row { return row{path: path, action: Skipped, reason: r} }
func through(path, target string) row   { return row{path: path, action: Changed, target: target} }

// marked returns a block as another version of this program would write it.
func marked(version int, created bool, body string) string {
	h := header{version: version, origin: origin{created: created}, checksum: cksum([]byte(body))}
	return h.String() + "\n" + body + endLine + "\n"
}

const (
	debianBashrc = "# ~/.bashrc: executed by bash(1) for non-login shells.\n" +
		"case $- in\n    *i*) ;;\n      *) return;;\nesac\nPS1='\\u$ '\n"
	debianProfile = "# the files are located in the bash-doc package.\nif [ -n \"$BASH_VERSION\" ]; then\n" +
		"    # include .bashrc if it exists\n    if [ -f \"$HOME/.bashrc\" ]; then\n\t. \"$HOME/.bashrc\"\n    fi\nfi\n"
	oldBody = "# Written by an older mosha.\nSSH_AUTH_SOCK=$HOME/.ssh/ssh_auth_sock\nexport SSH_AUTH_SOCK\n"
)

var (
	envBlock     = string(block(envBody, origin{}))
	envNewBlock  = string(block(envBody, origin{created: true}))
	rcBlock      = string(block(rcBody, origin{}))
	rcNewBlock   = string(block(rcAloneBody, origin{created: true}))
	rcDirBlock   = string(block(rcAloneBody, origin{created: true, dirs: 1}))
	fishBlock    = string(block(fishBody, origin{}))
	fishNewBlock = string(block(fishBody, origin{created: true, dirs: 3}))
	cshBlock     = string(block(cshBody, origin{}))
	cshNewBlock  = string(block(cshBody, origin{created: true}))
	profileBlock = string(block(profileBody, origin{created: true}))
)

// corpus is the homes that people have who log in with bash.
var corpus = []sample{
	{
		name: "nothing at all", typical: true, rows: rows(rcNew, bashrcNew, profileNew),
		content: map[string]string{".ssh/rc": rcDirBlock, ".bashrc": envNewBlock, ".profile": profileBlock},
	}, {
		name: "debian", typical: true,
		entries: []homes.Entry{homes.File(".bashrc", debianBashrc), homes.File(".profile", debianProfile), homes.Dir(".ssh").With(0o700)},
		rows:    rows(rcNew, changed(".bashrc")),
		content: map[string]string{".ssh/rc": rcNewBlock, ".bashrc": envBlock + debianBashrc, ".profile": debianProfile},
	}, {
		name: "fedora",
		entries: []homes.Entry{
			homes.File(".bashrc", "# .bashrc\nif [ -f /etc/bashrc ]; then\n    . /etc/bashrc\nfi\n"),
			homes.File(".bash_profile", "# .bash_profile\nif [ -f ~/.bashrc ]; then\n    . ~/.bashrc\nfi\n"),
		},
		rows: rows(rcNew, changed(".bashrc")),
	}, {
		name: "login file of its own", typical: true,
		entries: []homes.Entry{homes.File(".bashrc", debianBashrc), homes.File(".bash_login", "export EDITOR=vi\n"), homes.File(".profile", debianProfile)},
		rows:    rows(rcNew, changed(".bashrc"), changed(".bash_login")),
		content: map[string]string{".bash_login": envBlock + "export EDITOR=vi\n", ".profile": debianProfile},
	}, {
		name:    "login file that reads another bashrc",
		entries: []homes.Entry{homes.File(".bash_profile", ". /etc/bash.bashrc\n# . ~/.bashrc\n. ~/.bashrc.local\n")},
		rows:    rows(rcNew, bashrcNew, changed(".bash_profile")),
	}, {
		name:    "login file with a function that reads bashrc",
		entries: []homes.Entry{homes.File(".bashrc", debianBashrc), homes.File(".bash_profile", "reload() { . ~/.bashrc; }\n")},
		rows:    rows(rcNew, changed(".bashrc"), changed(".bash_profile")),
	}, {
		name:    "bashrc and no login file",
		entries: []homes.Entry{homes.File(".bashrc", "alias ll='ls -l'\n")},
		rows:    rows(rcNew, changed(".bashrc"), profileNew),
	}, {
		name: "no last newline", typical: true,
		entries: []homes.Entry{homes.File(".bashrc", "alias a=b"), homes.File(".ssh/rc", "echo x >&2"), homes.File(".profile", ". ~/.bashrc")},
		rows:    rows(changed(".ssh/rc"), changed(".bashrc")),
		content: map[string]string{".bashrc": envBlock + "alias a=b", ".ssh/rc": rcBlock + "echo x >&2"},
	}, {
		name:    "CRLF",
		entries: []homes.Entry{homes.File(".bashrc", "alias a=b\r\n\r\n"), homes.File(".profile", "if true\r\n. ~/.bashrc\r\n")},
		rows:    rows(rcNew, changed(".bashrc")),
		content: map[string]string{".bashrc": envBlock + "alias a=b\r\n\r\n"},
	}, {
		name:    "empty files",
		entries: []homes.Entry{homes.File(".bashrc", ""), homes.File(".ssh/rc", ""), homes.File(".bash_profile", "")},
		rows:    rows(changed(".ssh/rc"), changed(".bashrc"), changed(".bash_profile")),
		content: map[string]string{".bashrc": envBlock, ".ssh/rc": rcBlock, ".bash_profile": envBlock},
	}, {
		name:    "interpreter lines",
		entries: []homes.Entry{homes.File(".bashrc", "#!/bin/bash\nx=1\n"), homes.File(".ssh/rc", "#!/bin/sh")},
		rows:    rows(changed(".ssh/rc"), changed(".bashrc"), profileNew),
		content: map[string]string{".bashrc": "#!/bin/bash\n" + envBlock + "x=1\n", ".ssh/rc": rcBlock + "#!/bin/sh"},
	}, {
		name: "not text",
		entries: []homes.Entry{
			homes.File(".bashrc", "# caf\xe9 \xff\xfe\n\x00\x01\x00tail\x00"), homes.File(".profile", "\xef\xbb\xbf# BOM\n\x00"),
		},
		rows: rows(rcNew, changed(".bashrc"), changed(".profile")),
	}, {
		name:    "large",
		entries: []homes.Entry{homes.File(".bashrc", strings.Repeat("# 0123456789abc\n", maxFile/16-100)), homes.File(".profile", ". .bashrc")},
		rows:    rows(rcNew, changed(".bashrc")),
	}, {
		name:    "too large",
		entries: []homes.Entry{homes.File(".bashrc", strings.Repeat("#", maxFile+1)), homes.File(".bash_profile", strings.Repeat("#", maxFile-10))},
		rows:    rows(rcNew, skipped(".bashrc", TooLarge), skipped(".bash_profile", TooLarge)),
	}, {
		name: "links into a repository", typical: true,
		entries: []homes.Entry{
			homes.File("dotfiles/bash/rc", debianBashrc).With(0o640), homes.Symlink(".bashrc", "dotfiles/bash/rc"),
			homes.File("dotfiles/prof-2", debianProfile), homes.Symlink("dotfiles/prof", "./prof-2"), homes.Symlink(".profile", "dotfiles/prof"),
			homes.Dir("dotfiles/ssh").With(0o700), homes.Symlink(".ssh", "dotfiles/ssh"), homes.File("dotfiles/rc", "true\n").With(0o755),
			homes.Symlink("dotfiles/ssh/rc", "../rc"),
		},
		rows:    rows(through(".ssh/rc", "dotfiles/rc"), through(".bashrc", "dotfiles/bash/rc")),
		content: map[string]string{"dotfiles/bash/rc": envBlock + debianBashrc, "dotfiles/rc": rcBlock + "true\n"},
	}, {
		name:    "odd names behind links",
		entries: []homes.Entry{homes.File("-n a  b*/$(x)'", "true\n"), homes.Symlink(".bashrc", "-n a  b*/$(x)'"), homes.Symlink(".profile", ".bashrc")},
		rows:    rows(rcNew, through(".bashrc", "-n a  b*/$(x)'"), inPlace(".profile")),
	}, {
		name:    "odd name that cannot be written",
		entries: []homes.Entry{homes.File(`a\c *`, "true\n").With(0o444), homes.Symlink(".bashrc", `a\c *`), homes.File(".profile", ". .bashrc")},
		rows:    rows(rcNew, skipped(".bashrc", Unwritable)),
	}, {
		name:    "link to the null device",
		entries: []homes.Entry{homes.Symlink(".bashrc", "/dev/null"), homes.Symlink(".ssh/rc", "/dev/null")},
		rows:    rows(skipped(".ssh/rc", Irregular), skipped(".bashrc", Irregular)),
	}, {
		name:    "dangling links",
		entries: []homes.Entry{homes.Symlink(".ssh/rc", "nowhere"), homes.Symlink(".bashrc", "dotfiles/bashrc"), homes.Symlink(".profile", "dotfiles/profile")},
		rows:    rows(skipped(".ssh/rc", Dangling), skipped(".bashrc", Dangling)),
	}, {
		name:    "dangling login link",
		entries: []homes.Entry{homes.Symlink(".bash_profile", "nowhere"), homes.File(".profile", debianProfile), homes.File(".bashrc", "")},
		rows:    rows(rcNew, changed(".bashrc")),
	}, {
		name:    "dangling profile",
		entries: []homes.Entry{homes.Symlink(".profile", "nowhere")},
		rows:    rows(rcNew, bashrcNew, skipped(".profile", Dangling)),
	}, {
		name:    "links in a loop",
		entries: []homes.Entry{homes.Symlink(".bashrc", ".bash_profile"), homes.Symlink(".bash_profile", ".bashrc"), homes.File(".profile", "x\n")},
		rows:    rows(rcNew, skipped(".bashrc", LinkLoop), skipped(".bash_profile", LinkLoop)),
	}, {
		name:    "directories",
		entries: []homes.Entry{homes.Dir(".ssh/rc"), homes.Dir(".bashrc"), homes.Dir(".bash_login"), homes.File(".profile", "x\n")},
		rows:    rows(skipped(".ssh/rc", Irregular), skipped(".bashrc", Irregular), skipped(".bash_login", Irregular)),
	}, {
		name:    "pipes",
		entries: []homes.Entry{homes.Fifo(".bashrc"), homes.Fifo(".ssh/rc"), homes.Fifo(".profile")},
		rows:    rows(skipped(".ssh/rc", Irregular), skipped(".bashrc", Irregular), skipped(".profile", Irregular)),
	}, {
		name: "no permission to write", typical: true,
		entries: []homes.Entry{homes.File(".bashrc", "x\n").With(0o444), homes.File(".ssh/rc", "x\n").With(0o555), homes.File(".profile", ". ~/.bashrc\n")},
		rows:    rows(skipped(".ssh/rc", Unwritable), skipped(".bashrc", Unwritable)),
	}, {
		name:    "no permission to read",
		entries: []homes.Entry{homes.File(".bashrc", "x\n").With(0o200), homes.File(".bash_profile", "x\n").With(0), homes.File(".profile", "x\n")},
		rows:    rows(rcNew, skipped(".bashrc", Unreadable), skipped(".bash_profile", Unreadable)),
	}, {
		name:    "owned by another",
		entries: []homes.Entry{homes.File(".bashrc", "x\n").With(0o666).Roots(), homes.File(".profile", "y\n").Roots()},
		rows:    rows(rcNew, skipped(".bashrc", Attributes), skipped(".profile", Unwritable)),
	}, {
		name:    "several names",
		entries: []homes.Entry{homes.File("git/bashrc", "x\n"), homes.Hard(".bashrc", "git/bashrc"), homes.File(".profile", ". ~/.bashrc\n")},
		rows:    rows(rcNew, skipped(".bashrc", Attributes)),
	}, {
		name:    "modes",
		entries: []homes.Entry{homes.File(".bashrc", "x\n").With(0o751), homes.File(".profile", "y\n").With(0o600), homes.File(".ssh/rc", "z\n").With(0o777)},
		rows:    rows(changed(".ssh/rc"), changed(".bashrc"), changed(".profile")),
	}, {
		name: "all in place",
		entries: []homes.Entry{
			homes.File(".bashrc", envBlock+debianBashrc), homes.File(".profile", debianProfile), homes.File(".ssh/rc", rcNewBlock+"# mine\n"),
		},
		rows: rows(inPlace(".ssh/rc"), inPlace(".bashrc")),
	}, {
		name: "moved by its owner",
		entries: []homes.Entry{
			homes.File(".bashrc", "a\n"+envBlock+"b\n"), homes.File(".bash_profile", "a\n"+strings.TrimSuffix(envBlock, "\n")),
			homes.File(".ssh/rc", "a\n"+rcBlock),
		},
		rows: rows(inPlace(".ssh/rc"), inPlace(".bashrc"), inPlace(".bash_profile")),
	}, {
		name: "older version", typical: true,
		entries: []homes.Entry{
			homes.File(".bashrc", "a\n"+marked(0, false, oldBody)+"b"), homes.File(".profile", marked(0, true, oldBody)),
			homes.File(".ssh/rc", marked(0, true, oldBody)+"c\n"),
		},
		rows: rows(changed(".ssh/rc"), changed(".bashrc"), changed(".profile")),
		content: map[string]string{
			".bashrc": "a\n" + envBlock + "b", ".profile": profileBlock, ".ssh/rc": rcNewBlock + "c\n",
		},
	}, {
		name:    "newer version",
		entries: []homes.Entry{homes.File(".bashrc", marked(7, false, oldBody)+"b\n"), homes.File(".profile", debianProfile)},
		rows:    rows(rcNew, inPlace(".bashrc")),
	}, {
		name: "edited by hand", typical: true,
		entries: []homes.Entry{
			homes.File(".bashrc", strings.Replace(envBlock, "export", "# export", 1)),
			homes.File(".profile", strings.ReplaceAll(envBlock, "\n", "\r\n")),
			homes.File(".ssh/rc", strings.Replace(rcBlock, beginSuffix+"\n", " kept"+beginSuffix+"\n", 1)),
		},
		rows: rows(skipped(".ssh/rc", Edited), skipped(".bashrc", Edited), skipped(".profile", Edited)),
	}, {
		name: "half deleted",
		entries: []homes.Entry{
			homes.File(".bashrc", strings.TrimSuffix(envBlock, endLine+"\n")+"mine\n"),
			homes.File(".profile", "mine\n"+envBlock[strings.Index(envBlock, "\n")+1:]),
			homes.File(".ssh/rc", endLine+"\nmine\n"+strings.TrimSuffix(rcBlock, endLine+"\n")),
		},
		rows: rows(skipped(".ssh/rc", Unfinished), skipped(".bashrc", Unfinished), skipped(".profile", Unfinished)),
	}, {
		name:    "two blocks",
		entries: []homes.Entry{homes.File(".bashrc", envBlock+"x\n"+envBlock), homes.File(".profile", debianProfile)},
		rows:    rows(rcNew, skipped(".bashrc", Several)),
	}, {
		name:    "profile of ours, reading bashrc",
		entries: []homes.Entry{homes.File(".profile", profileBlock), homes.File(".bashrc", envNewBlock), homes.File(".ssh/rc", rcNewBlock)},
		rows:    rows(inPlace(".ssh/rc"), inPlace(".bashrc"), inPlace(".profile")),
	}, {
		name:    "something else is .ssh",
		entries: []homes.Entry{homes.File(".ssh", "x"), homes.File(".bashrc", ""), homes.File(".profile", ". ~/.bashrc")},
		rows:    rows(row{path: ".ssh/rc", action: Failed, reason: WriteError}, changed(".bashrc")),
	}, {
		name:    "no permission in .ssh",
		entries: []homes.Entry{homes.Dir(".ssh").With(0o555), homes.File(".bashrc", ""), homes.File(".profile", ". ~/.bashrc")},
		rows:    rows(row{path: ".ssh/rc", action: Failed, reason: Denied}, changed(".bashrc")),
	},
}
