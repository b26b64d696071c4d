//go:build openssh && sid

package sshconfig

import (
	"slices"
	"testing"
)

// TestSeveralRevokedHostKeys: from 10.3 on there may be several files.
func TestSeveralRevokedHostKeys(t *testing.T) {
	t.Setenv("MOSHA_TEST", "x")
	c := resolve(t, sshWith(t, `RevokedHostKeys ~/a%h "/b c/${MOSHA_TEST}" /d`), "h")
	if want := []string{c.tokens()['d'] + "/ah", "/b c/x", "/d"}; !slices.Equal(c.RevokedHostKeys, want) {
		t.Errorf("%q, want %q", c.RevokedHostKeys, want)
	}
}
