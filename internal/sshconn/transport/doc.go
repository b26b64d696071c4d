// Package transport opens an authenticated connection, over the one of two
// transports that can: golang.org/x/crypto/ssh, or OpenSSH's own ssh as a
// ControlMaster.
package transport
