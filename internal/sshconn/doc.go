// Package sshconn is the contract of a connection to a destination: what opens one
// is asked for, what is known of it, what a person is asked and told meanwhile,
// and what goes wrong. Package transport opens one.
//
//	resolve -> connect -> banner -> kex -> host key -> auth -> Connection
//	           \____ ConnectTimeout _____/    |         \_ a limit for authentication
//	                                          \_ a person may take any time
//
// Where the caller says so, each silence of the server's has a limit too, from
// connect to auth, while it is the server's turn.
//
// Every stage ends at once, and leaves nothing behind, when the context ends.
// Errors are values whose exported fields are plain data, so that they can cross
// a process boundary as JSON.
package sshconn
