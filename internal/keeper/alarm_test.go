package keeper

import (
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/mosha-ssh/mosha/internal/keeper/control"
	"github.com/mosha-ssh/mosha/internal/sshconn"
)

// swappedConnection is one whose server shows another host key in a rekey.
type swappedConnection struct{ deadConnection }

func (c swappedConnection) Wait() error {
	return &sshconn.HostKeyError{Problem: sshconn.KeyChanged, Host: "devbox", KeyType: "ED25519", Fingerprint: "SHA256:x"}
}

// TestHostKeyOfARekey: that another key was shown ends the connection, and is
// said for as long as the keeper lives, whatever the next connection shows.
func TestHostKeyOfARekey(t *testing.T) {
	k, log := spareKeeper(t), &strings.Builder{}
	k.log = zerolog.New(log)
	gone := make(chan struct{})
	conn := k.serve(swappedConnection{deadConnection{gone: gone}})
	close(gone)
	<-conn.Done()
	for _, said := range []string{`"level":"error"`, "host key of devbox changed during the connection", "SHA256:x"} {
		if !strings.Contains(log.String(), said) {
			t.Errorf("the log does not say %s:\n%s", said, log)
		}
	}
	k.update(func() { k.enterLocked(control.Up) })
	if problems := k.status().Problems; len(problems) != 1 || problems[0] != "ED25519 host key of devbox changed during the connection" {
		t.Errorf("the status says %q", problems)
	}
}
