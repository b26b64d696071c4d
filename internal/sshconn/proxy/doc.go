// Package proxy runs what a ProxyCommand or a ProxyJump names, and is the
// connection through it. Who is on the way, such as the ssh to a jump host, asks
// a person by our program (package helper).
package proxy
