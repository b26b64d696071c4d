//go:build !linux

package netevent

import (
	"errors"
	"sync"
)

// watchSet fails: only Linux reports that the wall clock was set.
func watchSet(*sync.WaitGroup) (set <-chan struct{}, stop func(), err error) {
	return nil, func() {}, errors.ErrUnsupported
}
