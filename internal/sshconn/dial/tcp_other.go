//go:build !linux && !darwin

package dial

import (
	"errors"
	"syscall"
)

// acknowledge does nothing: only Linux can be asked to.
func acknowledge(syscall.RawConn) {}

// unconfirmed cannot be told here.
func unconfirmed(syscall.RawConn) (int, error) { return 0, errors.ErrUnsupported }
