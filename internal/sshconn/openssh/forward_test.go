package openssh

import (
	"errors"
	"os"
	"testing"

	"github.com/mosha-ssh/mosha/internal/sshconn/helper"
)

// TestForwardAskedTwice: a listener for which ssh was asked is refused, and its
// socket of ours, which means nothing to the user, is not named.
func TestForwardAskedTwice(t *testing.T) {
	dir, err := os.MkdirTemp("/tmp", "mosha-test-") // short enough for sockets
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	f := newForwards(helper.Dir(dir))
	first := &forward{host: "localhost", port: 1}
	if err := f.listen(first); err != nil {
		t.Fatal(err)
	}
	defer first.from.Close()
	if err := f.listen(&forward{host: "localhost", port: 1}); !errors.Is(err, errRefused) {
		t.Error(err)
	}
}
