// Package bootstrap writes mosha's blocks into the remote's dotfiles, and takes
// them out again: by POSIX sh scripts that are embedded in the program, and the
// Go side that drives them.
//
// [Setup] puts one block into ~/.ssh/rc, which points the link
// ~/.ssh/ssh_auth_sock to the forwarded agent of every login, and one into each
// file that the login shell reads, which makes shells use that link. It needs
// one shell. It costs one exchange when all is in place, and two when there is
// something to write. The remote only lists files and splices bytes. Pure
// functions here decide what to write (plan.go, shells.go, splice.go).
//
// [Undo] takes the blocks out again, whichever shell they were for, and removes
// the link and what set-up created. A block's first line holds what Undo has to
// know. [PreviewSetup] and [PreviewUndo] write nothing and report what Setup
// and Undo would do, with a diff of each file.
//
// # Which files, and when a block acts
//
// The files are those that the login shell reads in every case: commands of
// "ssh host command" and "mosha host -- command" have no other. sshd's shell
// reads the same files before it runs ~/.ssh/rc. So where there is no prompt,
// their blocks leave a live SSH_AUTH_SOCK alone: rc goes by it, and would
// otherwise link the link to itself. Where the value is the link, rc's block
// unsets it: the person's own lines below it, or in /etc/ssh/sshrc, would link
// it to itself too. Outside of tmux and screen the blocks put no link that leads
// nowhere into SSH_AUTH_SOCK: the person's own lines may start an agent where
// the variable is not set, and a mosh session has it from its start.
//
// rc takes only sockets that OpenSSH's sshd has made, since start-up files may
// name an agent of another kind, which must not become everybody's. It knows
// them by their names, in whatever directory. Up to 10.0 ssh-agent names its
// sockets likewise, so the process with the pid in the name must be an sshd. A
// socket counts only in a directory in which nobody else can put another:
// anybody may make a link in /tmp with a name of sshd's form, or make anew what
// an sshd has removed.
//
// # How a file changes
//
// The remote makes a complete copy with the attributes of the old file, checks
// it, checks the old file's sum as the last thing, and renames the copy. So a
// line that an installer adds meanwhile is not lost, but makes the task start
// again; what is left is the time that mv takes to start. A new file gets its
// name by ln, which fails if somebody else was faster, and by mv only where
// there are no hard links. If that fails, the directories that were made for the
// file go again: the next try would take them for older ones.
//
// A block's first line has its version, a checksum of its body, and whether the
// file and its directories are ours. So Setup replaces an older block where it
// stands, and leaves one that a person has edited alone; and Undo needs no memory
// but the files themselves. What a link leads to stays, though set-up created
// the file: the person has moved it and may have committed it. A preview tells
// from a file's number of names, owner and group whether a copy would be like
// it; that cp loses an ACL shows only when it does.
//
// # What cannot be known
//
// Undo asks zsh for its directory even where another shell has become the login
// shell. It cannot know a ZDOTDIR that nothing sets any more.
//
// The package knows nothing of SSH: a [remotesh.Runner] starts its shell.
// Whatever that shell prints is hostile: the package bounds every line, length
// and count.
package bootstrap
