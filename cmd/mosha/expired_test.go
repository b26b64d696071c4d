//go:build linux

package main_test

import (
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/mosha-ssh/mosha/internal/keeper/control"
)

// TestAccountExpired: a server that ends the login has said why, and is not put
// down as overloaded.
func TestAccountExpired(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "UsePAM yes")
	w.must(exec.Command("chage", "-E", "1", w.dev.Name).Run())
	w.fails(4, `^Your account has expired.*\nmosha: connection closed by devbox port 22 \(auth\)\nmosha: hint: its log may say why; does ssh get further`, "devbox")
}

// TestPasswordExpired: where sshd runs nothing but passwd, mosha has a person
// log in by ssh once, whatever they wanted, and works again when they have.
func TestPasswordExpired(t *testing.T) {
	w := newWorld(t, "UsePAM yes")
	w.must(w.dev.SetPassword(secret))
	w.must(w.lab.Devbox.Replace("/etc/pam.d/sshd", strings.Join([]string{
		"auth required pam_unix.so", "account required pam_unix.so", "password required pam_unix.so", "session required pam_unix.so",
	}, "\n")+"\n", 0o644))
	expire := func() { w.must(exec.Command("chage", "-d", "0", w.dev.Name).Run()) }
	renew := func() { w.must(exec.Command("chage", "-d", "2026-01-01", w.dev.Name).Run()) }
	says := regexp.QuoteMeta("mosha: the password of "+w.dev.Name+" on devbox has expired") + `\n` +
		regexp.QuoteMeta("mosha: hint: log in by ssh once, and set a new one: ssh "+w.dev.Name+"@devbox")

	expire()
	for _, args := range [][]string{{"devbox"}, {"--no-ssh-pty", "devbox"}, {"devbox", "--", "true"}} {
		window := w.runSized(200, 24, args...)
		if code, err := window.Wait(w.ctx()); err != nil || code != 10 {
			t.Errorf("%q: exit %d, %v", args, code, err)
		}
		screen := window.Screen()
		if !regexp.MustCompile(says).MatchString(screen) || strings.Contains(screen, "warning") || strings.Contains(screen, "Changing") {
			t.Errorf("%q:\n%s", args, screen)
		}
		w.nothingLeft()
	}
	for _, args := range [][]string{{"keep", "devbox"}, {"--setup-only", "devbox"}, {"unsetup", "devbox"}} {
		_, stderr, code := w.local(args...)
		if code != 6 || !strings.Contains(stderr, "has expired") || !strings.Contains(stderr, "log in by ssh once") {
			t.Errorf("%q: exit %d: %s", args, code, stderr)
		}
		w.nothingLeft()
	}
	r := w.examine("devbox")
	r.is("shell", "fail", "^the password of "+w.dev.Name+" on devbox has expired$")
	if r.code != 6 {
		t.Errorf("doctor: exit %d", r.code)
	}
	w.nothingLeft()

	renew()
	w.runs("keep", "devbox")
	w.agentThere()
	expire()
	w.must(w.sshd.KillSessions())
	w.becomes("back, and of no use", func(s control.Status) bool { return s.Reconnects == 1 && len(s.Problems) > 0 })
	if _, stderr, code := w.local("keep", "devbox"); code != 6 || !w.status().Kept { // as it was told before
		t.Errorf("exit %d, kept %v: %s", code, w.status().Kept, stderr)
	}
	window := w.runSized(200, 24, "devbox")
	if code, err := window.Wait(w.ctx()); err != nil || code != 10 || !regexp.MustCompile(says).MatchString(window.Screen()) {
		t.Errorf("exit %d, %v:\n%s", code, err, window.Screen())
	}
	renew()
	window = w.shell("devbox") // the login that was there before still wants a new password
	w.agentIs(window, w.key)
	w.exit(window)
	w.runs("stop", "devbox")
	w.nothingLeft()
}
