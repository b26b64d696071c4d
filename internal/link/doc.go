// Package link is about who owns the link ~/.ssh/ssh_auth_sock on the remote.
//
// [Holder] drives holder.sh, the script that keeps the link while a connection
// lasts and repairs it before it answers a ping. [Claims] is what the keeper
// knows from one connection to the next: whose the link is by right, and what
// earlier connections have left on the server. The rules are written at the head
// of holder.sh.
package link
