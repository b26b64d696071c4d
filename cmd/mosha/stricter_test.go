//go:build linux

package main_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// TestStricterLaunch: an open connection is no way past a launch's own rules
// about host keys, whatever they are, and a launch that is refused changes
// nothing for the session that is there.
func TestStricterLaunch(t *testing.T) {
	w := newWorld(t)
	hostKey := strings.Join(strings.Fields(w.knownHosts())[1:3], " ")
	for name, text := range map[string]string{
		"empty": "", "wrong": "devbox " + w.key.Pub + "\n", "revoked": "@revoked devbox " + hostKey + "\n", "list": hostKey + "\n",
	} {
		w.must(w.me.WriteFile(name, text, 0o600))
	}
	window := w.shell("devbox")
	for _, c := range []struct{ options, message, hint string }{
		{"UserKnownHostsFile=empty StrictHostKeyChecking=yes", `ED25519 host key of devbox is not known \(SHA256:`, `add the key to known_hosts yourself; a connection is open`},
		{"UserKnownHostsFile=empty", `ED25519 host key of devbox is not known \(SHA256:`, `on a terminal`},
		{"UserKnownHostsFile=wrong", `the host key of devbox has CHANGED: .*\(SHA256:`, `known is \S*wrong:1; `},
		{"UserKnownHostsFile=empty GlobalKnownHostsFile=wrong StrictHostKeyChecking=accept-new", `the host key of devbox has CHANGED: `, `known is \S*wrong:1; `},
		{"UserKnownHostsFile=revoked", `the host key of devbox is revoked in \S*revoked:1 `, ``},
		{"UserKnownHostsFile=revoked StrictHostKeyChecking=no", `the host key of devbox is revoked in \S*revoked:1 `, ``},
		{"RevokedHostKeys=list", `the host key of devbox is revoked in \S*list:1 `, ``},
		{"RevokedHostKeys=gone", `ED25519 host key of devbox cannot be looked up in \S*gone`, `RevokedHostKeys`},
		{"CheckHostIP=yes", `host key of devbox was not judged by these rules when the open connection was made`, ``},
	} {
		ssh := "--ssh=ssh"
		for option := range strings.FieldsSeq(c.options) {
			key, value, _ := strings.Cut(option, "=")
			if strings.HasSuffix(key, "File") || key == "RevokedHostKeys" {
				value = w.me.Path(value)
			}
			ssh += fmt.Sprintf(" -o %s=%s", key, value)
		}
		w.refused(`^mosha: `+c.message+`.*\n^mosha: hint: .*`+c.hint+`.*mosha stop HOST`, ssh)
	}
	w.refused(`^mosha: host key of devbox was not judged by these rules`, `--ssh=ssh -o "KnownHostsCommand=/bin/sh -c 'echo out of order >&2; exit 3'"`)

	w.must(w.sshd.KillSessions())
	w.agentIs(window, w.key)
	w.exit(window)
	w.nothingLeft()
}

// refused expects that the host key is, for a launch without a terminal.
func (w *world) refused(pattern, ssh string) {
	w.t.Helper()
	_, stderr, code := w.local("keep", ssh, "devbox")
	if code != 5 || !regexp.MustCompile(`(?m)`+pattern).MatchString(stderr) {
		w.t.Errorf("%s: exit %d, and not %q:\n%s", ssh, code, pattern, stderr)
	}
}

// TestStricterLaunchAsks: what the launch's own rules would have it asked it is
// asked, and what they would have written down is.
func TestStricterLaunchAsks(t *testing.T) {
	w := newWorld(t)
	w.runs("keep", "devbox")
	w.must(w.me.WriteFile("other", "", 0o600))
	own := "--ssh=ssh -o UserKnownHostsFile=" + w.me.Path("other")
	ask := func(answer string) {
		t.Helper()
		window := w.runSized(200, 24, own, "devbox")
		w.must(window.WaitFor(w.ctx(), regexp.QuoteMeta(`(yes/no/[fingerprint])?`)))
		w.must(window.Send(answer + "\r"))
		if answer == "yes" {
			w.must(window.WaitFor(w.ctx(), `\$ ?$`))
			w.agentIs(window, w.key)
			w.exit(window)
			return
		}
		code, err := window.Wait(w.ctx())
		w.must(err)
		if screen := window.Screen(); code != 5 || !strings.Contains(screen, "mosha: the host key of devbox was not accepted") {
			t.Errorf("exit %d: %s", code, screen)
		}
	}
	ask("no")
	ask("yes")
	known, err := w.me.ReadFile("other")
	if err != nil || strings.Count(known, " ssh-ed25519 ") != 1 {
		t.Errorf("the file has %q, %v", known, err)
	}
	window := w.shell(own, "devbox") // it is known now
	w.exit(window)

	w.must(w.me.WriteFile("new", "", 0o600))
	_, stderr, code := w.local("keep", "--ssh=ssh -o StrictHostKeyChecking=accept-new -o UserKnownHostsFile="+w.me.Path("new"), "devbox")
	if known, err := w.me.ReadFile("new"); code != 0 || !strings.Contains(stderr, "added the ED25519 host key of devbox") || err != nil || !strings.Contains(known, " ssh-ed25519 ") {
		t.Errorf("exit %d, %s; the file has %q, %v", code, stderr, known, err)
	}
	w.runs("stop", "devbox")
	w.nothingLeft()
}
