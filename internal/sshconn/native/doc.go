// Package native is the transport in this process: golang.org/x/crypto/ssh.
package native
