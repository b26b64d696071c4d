package explain

import (
	"errors"
	"strings"
	"testing"

	"github.com/mosha-ssh/mosha/internal/sshconn"
)

// TestAuth: each way to fail has a hint of its own.
func TestAuth(t *testing.T) {
	base := sshconn.AuthError{User: "me", Host: "devbox", Methods: []string{"publickey", "password"}}
	for _, test := range []struct {
		change        func(*sshconn.AuthError)
		message, hint string
	}{
		{func(e *sshconn.AuthError) { e.Interactive = true }, "what it asks was not answered", "mosha has to ask you something"},
		{func(e *sshconn.AuthError) { e.Typed = true }, "what was typed was not accepted (the server takes publickey,password)", ""},
		{func(e *sshconn.AuthError) { e.Typed, e.Expired = true, true }, "the password has expired", "ssh -t me@devbox"},
		{func(e *sshconn.AuthError) { e.Typed, e.Disconnect = true, "Too many" }, "Too many", ""},
		{func(e *sshconn.AuthError) {
			e.Skipped = []sshconn.SkippedKey{{File: "/k", Reason: sshconn.SkipEncrypted}}
		}, "no key was tried", "ssh-add /k"},
	} {
		failed := base
		test.change(&failed)
		f := Error(errors.Join(&failed))
		if !strings.Contains(f.Message, test.message) || !strings.Contains(f.Hint, test.hint) || test.hint == "" && f.Hint != "" || f.Code != ExitAuth {
			t.Errorf("%+v: %+v", failed, f)
		}
	}
}
