package hostkey

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/mosha-ssh/mosha/internal/sshconfig"
	"github.com/mosha-ssh/mosha/internal/sshconn"
)

// TestSlowKeygen: an ssh-keygen that does not come to an end proves nothing, and is
// another matter than a list that it cannot read.
func TestSlowKeygen(t *testing.T) {
	_, keys := makeKeys(t)
	dir := t.TempDir()
	list := filepath.Join(dir, "krl")
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	before := krlLimit
	t.Cleanup(func() { krlLimit = before })
	for script, c := range map[string]struct {
		limit time.Duration
		want  string
	}{
		"exec sleep 600": {time.Millisecond, sshconn.KeySlow}, "exit 255": {before, sshconn.KeyUncheckable}, "exit 1": {before, sshconn.KeyRevoked},
	} {
		krlLimit = c.limit
		err := errors.Join(os.WriteFile(list, []byte(krlMagic), 0o600), os.WriteFile(filepath.Join(dir, "ssh-keygen"), []byte("#!/bin/sh\n"+script+"\n"), 0o700))
		if err != nil {
			t.Fatal(err)
		}
		v := New(t.Context(), &sshconfig.Config{HostName: "box", Port: 22, RevokedHostKeys: []string{list}}, sshconn.Options{Log: zerolog.Nop()})
		err = v.Check(netip.AddrPort{}, keys[0])
		if bad := (*sshconn.HostKeyError)(nil); !errors.As(err, &bad) || bad.Problem != c.want || bad.File != list {
			t.Errorf("%s: %#v", script, err)
		}
	}
}
