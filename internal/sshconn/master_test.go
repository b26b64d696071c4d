//go:build linux

package sshconn

import (
	"os"
	"testing"

	"github.com/mosha-ssh/mosha/internal/lab"
)

// TestMain lets the test's own program be what the ssh of a master runs.
func TestMain(m *testing.M) {
	if code, ok := Helper(os.Args); ok {
		os.Exit(code)
	}
	os.Exit(m.Run())
}

// place is where the masters of a test have their sockets.
func place(t *testing.T) MasterPlace {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "mosha-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return MasterPlace{Dir: dir, Program: program}
}

func TestMaster(t *testing.T) {
	s := newSite(t, lab.SshdConfig{})
	cfg := s.config()
	opts := options(cfg)
	opts.Master = place(t)
	opts.Choice.Transport = TransportOpenSSH
	leavesNothing(t, func() {
		conn, err := Open(t.Context(), cfg, opts)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%+v", conn.Facts())
		if err := conn.RoundTrip(); err != nil {
			t.Error(err)
		}
		conn.Close()
	})
}
