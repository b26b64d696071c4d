// Package bootstrap holds what mosha runs and writes on the remote, as POSIX
// sh scripts embedded in the program, and the Go side that drives them.
//
// [Setup] puts marked blocks into the remote's dotfiles: one in ~/.ssh/rc, which
// points the link ~/.ssh/ssh_auth_sock to the forwarded agent of every login,
// and one in the files that the login shell reads, which has shells use that
// link. It needs one shell and costs one exchange when all is in place, two
// when something is to be written. The remote only lists files and splices
// bytes; what is to be written is decided here, by pure functions (plan.go,
// shells.go, splice.go).
//
// [Undo] takes the blocks out again, whichever shell they were for, and
// removes what set-up created and the link. A block's first line says what is
// needed for that. [PreviewSetup] and [PreviewUndo] write nothing and say what
// would be done, with a diff of each file.
//
// The package knows nothing of SSH: it is given a [remotesh.Runner], which starts
// a shell. Whatever that shell says is hostile: every line, length and count is
// bounded.
package bootstrap
