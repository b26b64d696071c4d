package sshconfig

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/mosha-ssh/mosha/internal/lab/labtest"
)

// TestOldSSH reads what an OpenSSH 7.4 prints, which lacks some options, the
// host that was asked for among them, and has others under older names.
func TestOldSSH(t *testing.T) {
	fake := filepath.Join(t.TempDir(), "ssh")
	output, err := filepath.Abs("testdata/openssh-7.4.txt")
	if err != nil {
		t.Fatal(err)
	}
	labtest.Program(t, fake, "#!/bin/sh\nexec cat '"+output+"'\n")
	c := resolve(t, []string{fake}, "me@dev")
	home, err := os.UserHomeDir()
	if err != nil {
		t.Fatal(err)
	}
	switch {
	case c.OriginalHost != "dev", c.HostName != "devbox.example.com", c.Port != 2222, c.User != "me",
		c.ServerAliveInterval != 15*time.Second, c.ConnectTimeout != 0, c.RekeyBytes != 0, c.ConnectionAttempts != 1,
		!slices.Equal(c.PubkeyAcceptedAlgorithms, []string{"ssh-ed25519", "ssh-rsa"}),
		!slices.Equal(c.UserKnownHostsFiles, []string{home + "/.ssh/known_hosts", home + "/.ssh/known_hosts2"}),
		!slices.Equal(c.IdentityFiles, []string{home + "/.ssh/id_rsa"}),
		!slices.Equal(c.SendEnv, []string{"LANG", "LC_*"}),
		!c.PubkeyAuthentication, c.UpdateHostKeys != UpdateNo, c.CASignatureAlgorithms != nil:
		t.Errorf("%+v", c)
	}
}
