// Package sshconn is the contract of a connection to a destination: the options
// to open one, the facts about one, the questions and notices for a person
// meanwhile, and the errors. Package transport opens one.
//
//	resolve -> connect -> banner -> kex -> host key -> auth -> Connection
//	           \____ ConnectTimeout _____/    |         \_ a limit for authentication
//	                                          \_ a person may take any time
//
// Limits may bound each silence of the server's, too, from connect to auth.
//
// When the context ends, every stage ends at once and leaves nothing behind.
// Errors are values whose exported fields are plain data, so that they can cross
// a process boundary as JSON.
package sshconn
