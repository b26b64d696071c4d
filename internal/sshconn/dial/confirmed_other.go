//go:build !linux && !darwin

package dial

import (
	"errors"
	"syscall"
)

// unconfirmed cannot be told here.
func unconfirmed(syscall.RawConn) (int, error) { return 0, errors.ErrUnsupported }
