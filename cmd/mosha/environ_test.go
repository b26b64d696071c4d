//go:build linux

package main_test

import (
	"testing"

	"github.com/mosha-ssh/mosha/internal/keeper/control"
)

// TestNewestEnvironment: a token was renewed and the agent's socket is another
// one, in a shell that is not that of the first launch, and the directory of
// that is gone. The next launch brings what the background needs to come back,
// and no secret is written down.
func TestNewestEnvironment(t *testing.T) {
	t.Parallel()
	for _, transport := range []string{"native", "openssh"} {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.me.Unsetenv("SSH_AUTH_SOCK")
			w.must(w.me.WriteFile(".ssh/config", "Host devbox\n User "+w.dev.Name+
				"\n IdentityAgent $MY_AGENT\n ProxyCommand ./way %h %p\n", 0o600))
			w.keepIn("first", "secret-one", transport)
			w.must(w.me.Command(w.ctx(), "rm", "-r", "first").Run())
			w.must(w.agent.Restart(true))
			w.must(w.agent.Add(w.key))
			w.keepIn("second", "secret-two", transport)
			w.must(w.sshd.KillSessions())
			w.becomes("up again", func(s control.Status) bool { return s.State == control.Up && s.Reconnects > 0 })

			w.must(w.me.WriteFile("token", "", 0o600))
			if found := w.listing(w.me, `grep -rsl -D skip secret- . "$XDG_RUNTIME_DIR" || :`); found != "" {
				t.Errorf("a secret is in %s", found)
			}
			if _, stderr, code := w.local("stop", "devbox"); code != 0 {
				t.Errorf("exit code %d: %s", code, stderr)
			}
			w.nothingLeft()
		})
	}
}

// keepIn runs mosha keep in a directory that has a way to the devbox for those
// who have the token in their environment.
func (w *world) keepIn(dir, token, transport string) {
	w.t.Helper()
	w.must(w.me.WriteFile("token", token, 0o600))
	w.must(w.me.WriteFile(dir+"/way", "#!/bin/sh\n[ \"$TOKEN\" = \"$(cat ~/token)\" ] && exec nc \"$@\"\n", 0o700))
	w.me.Setenv("TOKEN", token)
	w.me.Setenv("MY_AGENT", w.agent.Sock)
	cmd := w.me.Command(w.ctx(), w.mosha, "keep", "--transport="+transport, "devbox")
	cmd.Dir = w.me.Path(dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		w.t.Fatalf("mosha keep in %s: %v: %s", dir, err, out)
	}
}

// TestClosedDirectory: the directory of the launch can no longer be entered. What
// the background runs to come back runs elsewhere, and a launch from there works as
// well.
func TestClosedDirectory(t *testing.T) {
	t.Parallel()
	for _, transport := range []string{"native", "openssh"} {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.must(w.me.WriteFile(".ssh/config", "Host devbox\n User "+w.dev.Name+"\n ProxyCommand nc %h %p\n", 0o600))
			w.keepIn("first", "", transport)
			w.keepIn("second", "", transport)
			w.must(w.me.Command(w.ctx(), "chmod", "0", "second").Run())
			w.must(w.sshd.KillSessions())
			w.becomes("up again", func(s control.Status) bool { return s.State == control.Up && s.Reconnects > 0 })
			w.runs("stop", "devbox")
			there := w.me.Command(w.ctx(), "/bin/sh", "-c", `chmod 700 second && cd second && chmod 0 . && exec "$0" keep devbox`, w.mosha)
			if out, err := there.CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
			w.runs("stop", "devbox")
			w.nothingLeft()
		})
	}
}
