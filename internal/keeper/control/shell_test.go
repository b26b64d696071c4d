package control

import (
	"errors"
	"net"
	"testing"
	"testing/synctest"
)

// TestShellSaysWhyItEnded also to a client that only writes, and comes too late
// for the keeper to hear it.
func TestShellSaysWhyItEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		go func() {
			w := newWire(theirs)
			defer w.Close()
			var c Call
			if err := w.receive(&c); err != nil || w.send(reply{Error: encodeError(&ExpiredError{User: "alice", Host: "devbox"})}) != nil {
				t.Error(err)
			}
		}()
		c := &Client{w: newWire(ours), stop: func() bool { return true }}
		shell, err := c.Shell(false)
		if err != nil {
			t.Fatal(err)
		}
		defer shell.Close()
		synctest.Wait()
		var expired *ExpiredError
		if _, err := shell.Write([]byte("true\n")); !errors.As(err, &expired) {
			t.Errorf("error is %v", err)
		}
	})
}
