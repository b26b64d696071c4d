package hostkey

import (
	"errors"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/mosha-ssh/mosha/internal/sshconfig"
	"github.com/mosha-ssh/mosha/internal/sshconn"
	"github.com/mosha-ssh/mosha/internal/sshconn/hostkey/knownhosts"
)

// TestPinned: another key that known_hosts has is none that a connection may go
// on with.
func TestPinned(t *testing.T) {
	_, keys := makeKeys(t)
	known := filepath.Join(t.TempDir(), "known")
	cfg := &sshconfig.Config{HostName: "box", Port: 22, StrictHostKeyChecking: "yes", UserKnownHostsFiles: []string{known}}
	for _, key := range keys {
		if err := knownhosts.Append(known, hostOf(cfg), key, false); err != nil {
			t.Fatal(err)
		}
	}
	v := New(t.Context(), cfg, sshconn.Options{Log: zerolog.Nop()})
	for range 2 {
		if err := v.Check(netip.AddrPort{}, keys[0]); err != nil {
			t.Fatal(err)
		}
	}
	err := v.Check(netip.AddrPort{}, keys[2])
	if bad := (*sshconn.HostKeyError)(nil); !errors.As(err, &bad) || bad.Problem != sshconn.KeyChanged {
		t.Errorf("got %v", err)
	}
}

// TestManyRekeys: a server that asks for new keys without end does not push all
// else out of the log.
func TestManyRekeys(t *testing.T) {
	_, keys := makeKeys(t)
	var log strings.Builder
	v := New(t.Context(), &sshconfig.Config{HostName: "h"}, sshconn.Options{Log: zerolog.New(&log)})
	v.pinned = keys[0]
	for range 10000 {
		if err := v.Check(netip.AddrPort{}, keys[0]); err != nil {
			t.Fatal(err)
		}
	}
	if n := strings.Count(log.String(), "\n"); n == 0 || n > 10 {
		t.Errorf("%d lines in the log", n)
	}
}
