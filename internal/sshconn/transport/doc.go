// Package transport opens an authenticated connection: it chooses between the
// transport in this process (native) and OpenSSH's own ssh (openssh), and goes
// from one to the other.
package transport
