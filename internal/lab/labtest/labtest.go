//go:build linux

package labtest

import (
	"testing"

	"github.com/mosha-ssh/mosha/internal/lab"
)

// New returns a lab that is closed when t ends. If it cannot be built, the test
// fails: a skipped test would prove nothing. If the test fails, New prints the
// logs of the lab's sshd's.
func New(t testing.TB, opts ...lab.Option) *lab.Lab {
	t.Helper()
	l, err := lab.New(opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			for name, log := range l.Logs() {
				t.Logf("log of %s:\n%s", name, log)
			}
		}
		if err := l.Close(); err != nil {
			t.Errorf("closing the lab: %v", err)
		}
	})
	return l
}
