// Package link is about who owns the link ~/.ssh/ssh_auth_sock on the remote:
// the holder, a script that keeps it while a connection lasts, and what is said
// to it and by it.
package link
