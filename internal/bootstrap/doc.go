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
// The package knows nothing of SSH: a [remotesh.Runner] starts its shell.
// Whatever that shell prints is hostile: the package bounds every line, length
// and count.
package bootstrap
