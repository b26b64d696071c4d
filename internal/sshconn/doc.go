// Package sshconn opens the SSH connection to a destination as the user's ssh
// would: over TCP, a ProxyCommand or a ProxyJump, with the host key checked by
// known_hosts, and authenticated by keys, passwords and what a server asks.
//
//	resolve -> connect -> banner -> kex -> host key -> auth -> *Conn
//	           \____ ConnectTimeout _____/    |         \_ authTimeout
//	                                          \_ a person may take any time
//
// Where the caller says so, each silence of the server's has a limit too, from
// connect to auth, while it is the server's turn.
//
// Every stage ends at once, and leaves nothing behind, when the context ends.
// Errors are values whose exported fields are plain data, so that they can cross
// a process boundary as JSON.
package sshconn
