//go:build linux

package main_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/mosha-ssh/mosha/internal/lab"
)

// configure puts lines for the devbox before the rest of ssh_config.
func (w *world) configure(lines ...string) {
	w.t.Helper()
	before, err := w.me.ReadFile(".ssh/config")
	w.must(err)
	w.must(w.me.WriteFile(".ssh/config", "Host devbox*\n  "+strings.Join(lines, "\n  ")+"\n"+before, 0o600))
}

func (w *world) knownHosts() string {
	w.t.Helper()
	text, err := w.me.ReadFile(".ssh/known_hosts")
	w.must(err)
	return text
}

// TestChangedHostKeyLetPass: whoever that server is, it has no agent to use.
func TestChangedHostKeyLetPass(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.must(w.sshd.NewHostKey())
	w.configure("StrictHostKeyChecking no")
	before := w.knownHosts()
	_, stderr, code := w.local("keep", "devbox")
	if code != 0 {
		t.Fatalf("keep ended with %d: %s", code, stderr)
	}
	for _, pattern := range []string{
		`mosha: WARNING: the ED25519 host key of devbox is not the one in .*known_hosts:\d+; StrictHostKeyChecking no lets it pass`,
		`mosha: warning: the agent is not forwarded, since the host key is not the known one`,
	} {
		if !regexp.MustCompile(`(?i)` + pattern).MatchString(stderr) {
			t.Errorf("stderr has no %s:\n%s", pattern, stderr)
		}
	}
	if out := w.remote("find /tmp/ssh-* ~/.ssh/agent/* -user $(id -un) 2>/dev/null; ls .ssh/ssh_auth_sock 2>/dev/null; :"); out != "" {
		t.Errorf("the agent was forwarded: %s", out)
	}
	seen := w.examine("devbox") // asks for forwarding in a session of its own
	seen.is("forwarding", "fail", "")
	if got := seen.rows["signature"]; got.State == "ok" {
		t.Errorf("the doctor has the agent sign for that server: %+v", got)
	}
	window := w.shellWithout("the agent is not forwarded", "devbox")
	w.do(window, `ssh-add -l >/dev/null 2>&1; echo "agent-$?"`, `agent-2`)
	w.exit(window)
	w.runs("stop", "devbox")
	w.nothingLeft()
	if now := w.knownHosts(); now != before {
		t.Errorf("known_hosts became %q", now)
	}
}

// TestLetPassForAnotherLaunch: a connection whose host key was let pass is no
// good for a launch that would have refused the key, as ssh does.
func TestLetPassForAnotherLaunch(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.must(w.sshd.NewHostKey())
	const lax = "--ssh=ssh -o StrictHostKeyChecking=no"
	refused := regexp.MustCompile(`^mosha: the host key of devbox has CHANGED: .*\nmosha: hint: .* mosha stop HOST`)
	passes := func() {
		t.Helper()
		if _, stderr, code := w.local("keep", lax, "devbox"); code != 0 {
			t.Fatalf("keep ended with %d: %s", code, stderr)
		}
	}
	passes()
	for _, strict := range []string{"yes", "ask", "accept-new"} {
		_, stderr, code := w.local("keep", "--ssh=ssh -o StrictHostKeyChecking="+strict, "devbox")
		if code != 5 || !refused.MatchString(stderr) {
			t.Errorf("StrictHostKeyChecking %s: exit %d, %s", strict, code, stderr)
		}
	}
	window := w.runSized(240, 24, "devbox")
	code, err := window.Wait(w.ctx())
	w.must(err)
	if code != 5 || !refused.MatchString(window.Screen()) {
		t.Errorf("a session: exit %d, %s", code, window.Screen())
	}
	passes()
	w.runs("stop", "devbox")
	w.nothingLeft()
}

// severalKeys has a server on the devbox with three host keys, of which one is
// known, beside one that it has no more. known is what is to become of that.
func (w *world) severalKeys() (known *regexp.Regexp) {
	w.t.Helper()
	sshd, err := w.lab.Devbox.Sshd(lab.SshdConfig{Port: 2222, HostKeys: []string{"ed25519", "rsa", "ecdsa"}})
	w.must(err)
	lines, err := sshd.HostKeyLines("devbox")
	w.must(err)
	w.configure("Port 2222", "HashKnownHosts no")
	old := "[devbox]:2222 " + w.key.Pub
	w.must(w.me.WriteFile(".ssh/known_hosts", lines[0]+"\n"+old+"\n", 0o600))
	pattern := "(?s)^"
	for _, line := range lines {
		pattern += regexp.QuoteMeta(strings.Join(strings.Fields(line)[:3], " ")) + "[^\n]*\n"
	}
	return regexp.MustCompile(pattern + "$")
}

func TestLearnsHostKeys(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	known := w.severalKeys()
	w.runs("keep", "devbox")
	w.must(lab.Eventually(w.ctx(), "the server's keys are known", func() (bool, error) {
		return known.MatchString(w.knownHosts()), nil
	}))
	w.runs("stop", "devbox")
	w.nothingLeft()
}

func TestAsksBeforeItLearnsHostKeys(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	known := w.severalKeys()
	w.configure("UpdateHostKeys ask")
	window := w.runSized(200, 24, "devbox")
	w.must(window.WaitFor(w.ctx(), `Learned new hostkey: RSA SHA256:`))
	w.must(window.WaitFor(w.ctx(), `Deprecating obsolete hostkey: ED25519 `+w.fingerprint()))
	w.must(window.WaitFor(w.ctx(), `Accept updated hostkeys\? \(yes/no\):`))
	if known.MatchString(w.knownHosts()) {
		t.Error("known_hosts was changed before the answer")
	}
	w.must(window.Send("yes\r"))
	w.must(window.WaitFor(w.ctx(), `\$ ?$`))
	if now := w.knownHosts(); !known.MatchString(now) {
		t.Errorf("known_hosts has\n%s", now)
	}
	w.exit(window)
	w.nothingLeft()
}

// TestComesBackWhereNothingIsKnown: a key that could not be written down was
// accepted by a person all the same.
func TestComesBackWhereNothingIsKnown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.configure("UserKnownHostsFile /dev/null")
	window := w.run("devbox")
	w.must(window.WaitFor(w.ctx(), regexp.QuoteMeta(`(yes/no/[fingerprint])?`)))
	w.must(window.Send("yes\r"))
	w.must(window.WaitFor(w.ctx(), `\$ ?$`))
	w.agentIs(window, w.key)
	w.must(w.sshd.KillSessions())
	w.agentIs(window, w.key)
	w.exit(window)
	w.nothingLeft()
}

// TestAddressWithAnotherKeyIsAsked: the question is ssh's own.
func TestAddressWithAnotherKeyIsAsked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.configure("CheckHostIP yes", "AddressFamily inet")
	w.must(w.me.WriteFile(".ssh/known_hosts", w.knownHosts()+w.lab.Devbox.Addr().String()+" "+w.key.Pub+"\n", 0o600))
	ask := func() *lab.Terminal {
		window := w.runSized(200, 24, "devbox")
		w.must(window.WaitFor(w.ctx(), `differs from the key for the IP address '`+regexp.QuoteMeta(w.lab.Devbox.Addr().String())))
		w.must(window.WaitFor(w.ctx(), `Matching host key in \S+known_hosts:1`))
		w.must(window.WaitFor(w.ctx(), `\(yes/no\)\?`))
		return window
	}
	window := ask()
	w.must(window.Send("no\r"))
	code, err := window.Wait(w.ctx())
	w.must(err)
	w.failed(window.Screen(), code, 5, `^mosha: OpenSSH does not accept the host key of devbox`)
	window = ask()
	w.must(window.Send("yes\r"))
	w.must(window.WaitFor(w.ctx(), `\$ ?$`))
	w.agentIs(window, w.key)
	w.exit(window)
	w.nothingLeft()
}

func TestKnownHostsCommandFails(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.configure("KnownHostsCommand /bin/sh -c 'echo out of order >&2; exit 3'")
	w.fails(4, `^out of order\n(?s:.*)^mosha: OpenSSH could not connect: KnownHostsCommand failed`, "devbox")
	w.fails(5, `^mosha: KnownHostsCommand needs OpenSSH\n^mosha: hint: --transport=openssh`, "--transport=native", "devbox")
}
