package explain

import (
	"strings"
	"testing"
	"time"

	"github.com/mosha-ssh/mosha/internal/sshconfig"
	"github.com/mosha-ssh/mosha/internal/sshconn"
)

// TestHintsOfWhatIsConfigured: no hint names what the user has set already, nor
// a log that tells no more than they know.
func TestHintsOfWhatIsConfigured(t *testing.T) {
	t.Parallel()
	timeout := &sshconn.TimeoutError{Host: "box", Port: 22, Phase: sshconn.PhaseConnect, Seconds: 10}
	unknown := &sshconn.HostKeyError{Problem: sshconn.KeyUnknown, Host: "box"}
	for _, c := range []struct {
		err    error
		config sshconfig.Config
		has    string
		hasNot string
	}{
		{timeout, sshconfig.Config{}, "ConnectTimeout", ""},
		{timeout, sshconfig.Config{ConnectTimeout: time.Second}, "log:", "ConnectTimeout"},
		{unknown, sshconfig.Config{}, "on a terminal", ""},
		{unknown, sshconfig.Config{BatchMode: true}, "BatchMode", "on a terminal"},
		{&sshconn.AuthError{Host: "box", Typed: true}, sshconfig.Config{}, "", "log:"},
		{&sshconn.AuthError{Host: "box", Typed: true, Expired: true, User: "me"}, sshconfig.Config{}, "ssh -t me@box", "log:"},
		{&sshconn.HostKeyError{Problem: sshconn.KeyDeclined, Host: "box"}, sshconfig.Config{}, "", "log:"},
		{&sshconn.AuthError{Host: "box"}, sshconfig.Config{}, "PubkeyAuthentication", ""},
		{&sshconn.AuthError{Host: "box"}, sshconfig.Config{PubkeyAuthentication: true}, "log: /log", ""},
	} {
		f := OfKeeper(c.err, &c.config, "/log")
		if !strings.Contains(f.Hint, c.has) || c.hasNot != "" && strings.Contains(f.Hint, c.hasNot) {
			t.Errorf("%v: the hint is %q, want %q and not %q", c.err, f.Hint, c.has, c.hasNot)
		}
	}
}
