// Package helper is our program when an ssh runs it: as the ssh of a jump host,
// as SSH_ASKPASS, and as the ProxyCommand that hands over a connection. It is
// also what the keeper has for it: the directory of its names and sockets, and
// who answers its questions.
//
//	keeper -> ssh -> DIR/mosha-ask (our program) -> DIR/q -> Questions -> a person
package helper
