//go:build !linux && !darwin && !freebsd

package control

import "errors"

// peerUID cannot tell whose the other end of a Unix socket is: OpenBSD's kernel
// knows, but golang.org/x/sys has no call that returns it.
func peerUID(int) (int, error) { return -1, errors.ErrUnsupported }
