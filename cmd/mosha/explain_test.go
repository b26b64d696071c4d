package main

import (
	"strings"
	"testing"
	"time"

	"github.com/mosha-ssh/mosha/internal/sshconn"
	"github.com/mosha-ssh/mosha/internal/target"
)

// TestHintsOfWhatIsConfigured: no hint names what the user has set already, nor
// a log that tells no more than they know.
func TestHintsOfWhatIsConfigured(t *testing.T) {
	t.Parallel()
	timeout := &sshconn.TimeoutError{Host: "box", Port: 22, Phase: sshconn.PhaseConnect, Seconds: 10}
	unknown := &sshconn.HostKeyError{Problem: sshconn.KeyUnknown, Host: "box"}
	for _, c := range []struct {
		err    error
		config target.Config
		has    string
		hasNot string
	}{
		{timeout, target.Config{}, "ConnectTimeout", ""},
		{timeout, target.Config{ConnectTimeout: time.Second}, "log:", "ConnectTimeout"},
		{unknown, target.Config{}, "on a terminal", ""},
		{unknown, target.Config{BatchMode: true}, "BatchMode", "on a terminal"},
		{&sshconn.AuthError{Host: "box", Typed: true}, target.Config{}, "", "log:"},
		{&sshconn.AuthError{Host: "box", Typed: true, Expired: true, User: "me"}, target.Config{}, "ssh -t me@box", "log:"},
		{&sshconn.HostKeyError{Problem: sshconn.KeyDeclined, Host: "box"}, target.Config{}, "", "log:"},
		{&sshconn.AuthError{Host: "box"}, target.Config{}, "PubkeyAuthentication", ""},
		{&sshconn.AuthError{Host: "box"}, target.Config{PubkeyAuthentication: true}, "log: /log", ""},
	} {
		e := explain(&keptError{Config: &c.config, Log: "/log", Err: c.err})
		if !strings.Contains(e.hint, c.has) || c.hasNot != "" && strings.Contains(e.hint, c.hasNot) {
			t.Errorf("%v: the hint is %q, want %q and not %q", c.err, e.hint, c.has, c.hasNot)
		}
	}
}
