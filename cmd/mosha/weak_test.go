//go:build linux && openssh && sid

package main_test

import (
	"fmt"
	"strings"
	"testing"
)

// TestWarnsOfWeakCrypto as ssh does, of a server without a post-quantum key
// exchange (WarnWeakCrypto, from 10.1 on).
func TestWarnsOfWeakCrypto(t *testing.T) {
	t.Parallel()
	for i, c := range []struct {
		server, config string
		warns          bool
	}{
		{"curve25519-sha256", "", true},
		{"curve25519-sha256", "WarnWeakCrypto no", false},
		{"curve25519-sha256", "WarnWeakCrypto no-pq-kex", false},
		{"curve25519-sha256", "LogLevel ERROR", false},
		{"curve25519-sha256", "KexAlgorithms curve25519-sha256", false},
		{"curve25519-sha256,sntrup761x25519-sha512", "", false}, // which only ssh has
		{"mlkem768x25519-sha256", "", false},
	} {
		for _, transport := range []string{"native", "openssh"} {
			t.Run(fmt.Sprint(i, transport), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, "KexAlgorithms "+c.server)
				w.must(w.me.AppendFile(".ssh/config", c.config+"\n"))
				var asSSH strings.Builder
				ssh := w.me.Command(w.ctx(), "ssh", "devbox", "true")
				ssh.Stderr = &asSSH
				w.must(ssh.Run())
				w.transport = transport
				_, stderr, code := w.local("keep", "devbox")
				if want := strings.ReplaceAll(asSSH.String(), "\r", ""); code != 0 || stderr != want || (want != "") != c.warns {
					t.Errorf("exit %d, says %q, ssh %q", code, stderr, want)
				}
			})
		}
	}
}
