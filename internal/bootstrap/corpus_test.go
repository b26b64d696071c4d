package bootstrap

import (
	"strings"
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
	entries []entry
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
		entries: []entry{file(".bashrc", debianBashrc), file(".profile", debianProfile), dir(".ssh").with(0o700)},
		rows:    rows(rcNew, changed(".bashrc")),
		content: map[string]string{".ssh/rc": rcNewBlock, ".bashrc": envBlock + debianBashrc, ".profile": debianProfile},
	}, {
		name: "fedora",
		entries: []entry{
			file(".bashrc", "# .bashrc\nif [ -f /etc/bashrc ]; then\n    . /etc/bashrc\nfi\n"),
			file(".bash_profile", "# .bash_profile\nif [ -f ~/.bashrc ]; then\n    . ~/.bashrc\nfi\n"),
		},
		rows: rows(rcNew, changed(".bashrc")),
	}, {
		name: "login file of its own", typical: true,
		entries: []entry{file(".bashrc", debianBashrc), file(".bash_login", "export EDITOR=vi\n"), file(".profile", debianProfile)},
		rows:    rows(rcNew, changed(".bashrc"), changed(".bash_login")),
		content: map[string]string{".bash_login": envBlock + "export EDITOR=vi\n", ".profile": debianProfile},
	}, {
		name:    "login file that reads another bashrc",
		entries: []entry{file(".bash_profile", ". /etc/bash.bashrc\n# . ~/.bashrc\n. ~/.bashrc.local\n")},
		rows:    rows(rcNew, bashrcNew, changed(".bash_profile")),
	}, {
		name:    "login file with a function that reads bashrc",
		entries: []entry{file(".bashrc", debianBashrc), file(".bash_profile", "reload() { . ~/.bashrc; }\n")},
		rows:    rows(rcNew, changed(".bashrc"), changed(".bash_profile")),
	}, {
		name:    "bashrc and no login file",
		entries: []entry{file(".bashrc", "alias ll='ls -l'\n")},
		rows:    rows(rcNew, changed(".bashrc"), profileNew),
	}, {
		name: "no last newline", typical: true,
		entries: []entry{file(".bashrc", "alias a=b"), file(".ssh/rc", "echo x >&2"), file(".profile", ". ~/.bashrc")},
		rows:    rows(changed(".ssh/rc"), changed(".bashrc")),
		content: map[string]string{".bashrc": envBlock + "alias a=b", ".ssh/rc": rcBlock + "echo x >&2"},
	}, {
		name:    "CRLF",
		entries: []entry{file(".bashrc", "alias a=b\r\n\r\n"), file(".profile", "if true\r\n. ~/.bashrc\r\n")},
		rows:    rows(rcNew, changed(".bashrc")),
		content: map[string]string{".bashrc": envBlock + "alias a=b\r\n\r\n"},
	}, {
		name:    "empty files",
		entries: []entry{file(".bashrc", ""), file(".ssh/rc", ""), file(".bash_profile", "")},
		rows:    rows(changed(".ssh/rc"), changed(".bashrc"), changed(".bash_profile")),
		content: map[string]string{".bashrc": envBlock, ".ssh/rc": rcBlock, ".bash_profile": envBlock},
	}, {
		name:    "interpreter lines",
		entries: []entry{file(".bashrc", "#!/bin/bash\nx=1\n"), file(".ssh/rc", "#!/bin/sh")},
		rows:    rows(changed(".ssh/rc"), changed(".bashrc"), profileNew),
		content: map[string]string{".bashrc": "#!/bin/bash\n" + envBlock + "x=1\n", ".ssh/rc": rcBlock + "#!/bin/sh"},
	}, {
		name: "not text",
		entries: []entry{
			file(".bashrc", "# caf\xe9 \xff\xfe\n\x00\x01\x00tail\x00"), file(".profile", "\xef\xbb\xbf# BOM\n\x00"),
		},
		rows: rows(rcNew, changed(".bashrc"), changed(".profile")),
	}, {
		name:    "large",
		entries: []entry{file(".bashrc", strings.Repeat("# 0123456789abc\n", maxFile/16-100)), file(".profile", ". .bashrc")},
		rows:    rows(rcNew, changed(".bashrc")),
	}, {
		name:    "too large",
		entries: []entry{file(".bashrc", strings.Repeat("#", maxFile+1)), file(".bash_profile", strings.Repeat("#", maxFile-10))},
		rows:    rows(rcNew, skipped(".bashrc", TooLarge), skipped(".bash_profile", TooLarge)),
	}, {
		name: "links into a repository", typical: true,
		entries: []entry{
			file("dotfiles/bash/rc", debianBashrc).with(0o640), symlink(".bashrc", "dotfiles/bash/rc"),
			file("dotfiles/prof-2", debianProfile), symlink("dotfiles/prof", "./prof-2"), symlink(".profile", "dotfiles/prof"),
			dir("dotfiles/ssh").with(0o700), symlink(".ssh", "dotfiles/ssh"), file("dotfiles/rc", "true\n").with(0o755),
			symlink("dotfiles/ssh/rc", "../rc"),
		},
		rows:    rows(through(".ssh/rc", "dotfiles/rc"), through(".bashrc", "dotfiles/bash/rc")),
		content: map[string]string{"dotfiles/bash/rc": envBlock + debianBashrc, "dotfiles/rc": rcBlock + "true\n"},
	}, {
		name:    "odd names behind links",
		entries: []entry{file("-n a  b*/$(x)'", "true\n"), symlink(".bashrc", "-n a  b*/$(x)'"), symlink(".profile", ".bashrc")},
		rows:    rows(rcNew, through(".bashrc", "-n a  b*/$(x)'"), inPlace(".profile")),
	}, {
		name:    "odd name that cannot be written",
		entries: []entry{file(`a\c *`, "true\n").with(0o444), symlink(".bashrc", `a\c *`), file(".profile", ". .bashrc")},
		rows:    rows(rcNew, skipped(".bashrc", Unwritable)),
	}, {
		name:    "link to the null device",
		entries: []entry{symlink(".bashrc", "/dev/null"), symlink(".ssh/rc", "/dev/null")},
		rows:    rows(skipped(".ssh/rc", Irregular), skipped(".bashrc", Irregular)),
	}, {
		name:    "dangling links",
		entries: []entry{symlink(".ssh/rc", "nowhere"), symlink(".bashrc", "dotfiles/bashrc"), symlink(".profile", "dotfiles/profile")},
		rows:    rows(skipped(".ssh/rc", Dangling), skipped(".bashrc", Dangling)),
	}, {
		name:    "dangling login link",
		entries: []entry{symlink(".bash_profile", "nowhere"), file(".profile", debianProfile), file(".bashrc", "")},
		rows:    rows(rcNew, changed(".bashrc")),
	}, {
		name:    "dangling profile",
		entries: []entry{symlink(".profile", "nowhere")},
		rows:    rows(rcNew, bashrcNew, skipped(".profile", Dangling)),
	}, {
		name:    "links in a loop",
		entries: []entry{symlink(".bashrc", ".bash_profile"), symlink(".bash_profile", ".bashrc"), file(".profile", "x\n")},
		rows:    rows(rcNew, skipped(".bashrc", LinkLoop), skipped(".bash_profile", LinkLoop)),
	}, {
		name:    "directories",
		entries: []entry{dir(".ssh/rc"), dir(".bashrc"), dir(".bash_login"), file(".profile", "x\n")},
		rows:    rows(skipped(".ssh/rc", Irregular), skipped(".bashrc", Irregular), skipped(".bash_login", Irregular)),
	}, {
		name:    "pipes",
		entries: []entry{fifo(".bashrc"), fifo(".ssh/rc"), fifo(".profile")},
		rows:    rows(skipped(".ssh/rc", Irregular), skipped(".bashrc", Irregular), skipped(".profile", Irregular)),
	}, {
		name: "no permission to write", typical: true,
		entries: []entry{file(".bashrc", "x\n").with(0o444), file(".ssh/rc", "x\n").with(0o555), file(".profile", ". ~/.bashrc\n")},
		rows:    rows(skipped(".ssh/rc", Unwritable), skipped(".bashrc", Unwritable)),
	}, {
		name:    "no permission to read",
		entries: []entry{file(".bashrc", "x\n").with(0o200), file(".bash_profile", "x\n").with(0), file(".profile", "x\n")},
		rows:    rows(rcNew, skipped(".bashrc", Unreadable), skipped(".bash_profile", Unreadable)),
	}, {
		name:    "owned by another",
		entries: []entry{file(".bashrc", "x\n").with(0o666).roots(), file(".profile", "y\n").roots()},
		rows:    rows(rcNew, skipped(".bashrc", Attributes), skipped(".profile", Unwritable)),
	}, {
		name:    "several names",
		entries: []entry{file("git/bashrc", "x\n"), hard(".bashrc", "git/bashrc"), file(".profile", ". ~/.bashrc\n")},
		rows:    rows(rcNew, skipped(".bashrc", Attributes)),
	}, {
		name:    "modes",
		entries: []entry{file(".bashrc", "x\n").with(0o751), file(".profile", "y\n").with(0o600), file(".ssh/rc", "z\n").with(0o777)},
		rows:    rows(changed(".ssh/rc"), changed(".bashrc"), changed(".profile")),
	}, {
		name: "all in place",
		entries: []entry{
			file(".bashrc", envBlock+debianBashrc), file(".profile", debianProfile), file(".ssh/rc", rcNewBlock+"# mine\n"),
		},
		rows: rows(inPlace(".ssh/rc"), inPlace(".bashrc")),
	}, {
		name: "moved by its owner",
		entries: []entry{
			file(".bashrc", "a\n"+envBlock+"b\n"), file(".bash_profile", "a\n"+strings.TrimSuffix(envBlock, "\n")),
			file(".ssh/rc", "a\n"+rcBlock),
		},
		rows: rows(inPlace(".ssh/rc"), inPlace(".bashrc"), inPlace(".bash_profile")),
	}, {
		name: "older version", typical: true,
		entries: []entry{
			file(".bashrc", "a\n"+marked(0, false, oldBody)+"b"), file(".profile", marked(0, true, oldBody)),
			file(".ssh/rc", marked(0, true, oldBody)+"c\n"),
		},
		rows: rows(changed(".ssh/rc"), changed(".bashrc"), changed(".profile")),
		content: map[string]string{
			".bashrc": "a\n" + envBlock + "b", ".profile": profileBlock, ".ssh/rc": rcNewBlock + "c\n",
		},
	}, {
		name:    "newer version",
		entries: []entry{file(".bashrc", marked(7, false, oldBody)+"b\n"), file(".profile", debianProfile)},
		rows:    rows(rcNew, inPlace(".bashrc")),
	}, {
		name: "edited by hand", typical: true,
		entries: []entry{
			file(".bashrc", strings.Replace(envBlock, "export", "# export", 1)),
			file(".profile", strings.ReplaceAll(envBlock, "\n", "\r\n")),
			file(".ssh/rc", strings.Replace(rcBlock, beginSuffix+"\n", " kept"+beginSuffix+"\n", 1)),
		},
		rows: rows(skipped(".ssh/rc", Edited), skipped(".bashrc", Edited), skipped(".profile", Edited)),
	}, {
		name: "half deleted",
		entries: []entry{
			file(".bashrc", strings.TrimSuffix(envBlock, endLine+"\n")+"mine\n"),
			file(".profile", "mine\n"+envBlock[strings.Index(envBlock, "\n")+1:]),
			file(".ssh/rc", endLine+"\nmine\n"+strings.TrimSuffix(rcBlock, endLine+"\n")),
		},
		rows: rows(skipped(".ssh/rc", Unfinished), skipped(".bashrc", Unfinished), skipped(".profile", Unfinished)),
	}, {
		name:    "two blocks",
		entries: []entry{file(".bashrc", envBlock+"x\n"+envBlock), file(".profile", debianProfile)},
		rows:    rows(rcNew, skipped(".bashrc", Several)),
	}, {
		name:    "profile of ours, reading bashrc",
		entries: []entry{file(".profile", profileBlock), file(".bashrc", envNewBlock), file(".ssh/rc", rcNewBlock)},
		rows:    rows(inPlace(".ssh/rc"), inPlace(".bashrc"), inPlace(".profile")),
	}, {
		name:    "something else is .ssh",
		entries: []entry{file(".ssh", "x"), file(".bashrc", ""), file(".profile", ". ~/.bashrc")},
		rows:    rows(row{path: ".ssh/rc", action: Failed, reason: WriteError}, changed(".bashrc")),
	}, {
		name:    "no permission in .ssh",
		entries: []entry{dir(".ssh").with(0o555), file(".bashrc", ""), file(".profile", ". ~/.bashrc")},
		rows:    rows(row{path: ".ssh/rc", action: Failed, reason: Denied}, changed(".bashrc")),
	},
}
