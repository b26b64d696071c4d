//go:build linux

package main_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/mosha-ssh/mosha/internal/keeper/control"
	"github.com/mosha-ssh/mosha/internal/lab"
	"github.com/mosha-ssh/mosha/internal/lab/labtest"
)

// redirect is a library that has connections to port 22 lead to port 2201, as
// torsocks and proxychains have them lead elsewhere.
const redirect = `#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <string.h>
#include <sys/socket.h>

int connect(int fd, const struct sockaddr *to, socklen_t length)
{
	int (*really)(int, const struct sockaddr *, socklen_t) = dlsym(RTLD_NEXT, "connect");
	struct sockaddr_storage other;
	memset(&other, 0, sizeof other);
	memcpy(&other, to, length < sizeof other ? length : sizeof other);
	struct sockaddr_in6 *in = (struct sockaddr_in6 *)&other; /* the port is where it is in sockaddr_in */
	if ((to->sa_family == AF_INET || to->sa_family == AF_INET6) && in->sin6_port == htons(22))
		in->sin6_port = htons(2201);
	return really(fd, (struct sockaddr *)&other, length);
}
`

// TestFrontIsNotBypassed: what has another way for ssh's connection has it for
// all that mosha does. Nothing of it comes to the port that a direct dial goes
// to.
func TestFrontIsNotBypassed(t *testing.T) {
	for name, c := range map[string]struct {
		ssh string // {me} is the person's home
		env bool   // the library is in mosha's own environment

		typical bool
	}{
		"in front of ssh":     {ssh: "{me}/pchains ssh", typical: true},
		"in place of ssh":     {ssh: "{me}/myssh"},
		"a script named ssh":  {ssh: "{me}/bin/ssh"},
		"env in front of ssh": {ssh: "env LD_PRELOAD={me}/redirect.so ssh -o Compression=yes"},
		"in the environment":  {ssh: "ssh", env: true, typical: true},
	} {
		if !c.typical && !labtest.Whole {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFronted(t)
			ssh := strings.ReplaceAll(c.ssh, "{me}", f.me.Home)
			if c.env {
				f.me.Setenv("LD_PRELOAD", f.me.Path("redirect.so"))
			}
			f.ssh = "--ssh=" + ssh
			window := f.shell(f.ssh, "devbox")
			f.agentIsNow(window, f.key)
			if s := f.stands(); s.Transport != "openssh" || !strings.HasPrefix(s.Reason, "ssh is run by ") {
				t.Errorf("%+v", s)
			}
			f.must(f.way.KillSessions())
			f.must(lab.Eventually(f.ctx(), "up again", func() (bool, error) {
				s := f.stands()
				return s.State == control.Up && s.Reconnects == 1, nil
			}))
			f.agentIs(window, f.key)
			f.runs("--setup-only", f.ssh, "devbox")
			f.runs("doctor", f.ssh, "devbox")
			_, stderr, code := f.local("keep", "--transport=native", f.ssh, "devbox")
			if code != 2 && code != 1 || !strings.Contains(stderr, "native") {
				t.Errorf("--transport=native: exit %d: %s", code, stderr)
			}
			f.exit(window)
			f.nothingLeft()
			if n := f.sshd.Connections(); n != 0 {
				t.Errorf("%d connections went past what is in front of ssh", n)
			}
			_, stderr, code = f.local("keep", "--transport=native", f.ssh, "devbox")
			if code != 2 || strings.Count(stderr, "\n") != 2 || !strings.Contains(stderr, "ssh is run by ") || f.sshd.Connections() != 0 {
				t.Errorf("--transport=native: exit %d, %d connections: %s", code, f.sshd.Connections(), stderr)
			}
			f.nothingLeft()
		})
	}
}

// fronted is a world in which ssh's connections are to lead to another port.
type fronted struct {
	*world
	way *lab.Sshd // that they lead to
	ssh string
}

func newFronted(t *testing.T) *fronted {
	t.Helper()
	f := &fronted{world: newWorld(t)}
	var err error
	f.way, err = f.lab.Devbox.Sshd(lab.SshdConfig{Port: 2201})
	f.must(err)
	lines, err := f.way.HostKeyLines("x")
	f.must(err)
	_, key, _ := strings.Cut(lines[0], " ")
	f.must(f.me.WriteFile(".ssh/known_hosts", "devbox "+key+"\n", 0o600))
	f.must(f.me.WriteFile("redirect.c", redirect, 0o600))
	if out, err := f.me.Command(f.ctx(), "cc", "-shared", "-fPIC", "-o", "redirect.so", "redirect.c").CombinedOutput(); err != nil {
		t.Fatalf("cc: %v: %s", err, out)
	}
	preload := "#!/bin/sh\nLD_PRELOAD=" + f.me.Path("redirect.so") + " exec "
	f.must(f.me.WriteFile("pchains", preload+"\"$@\"\n", 0o700))
	f.must(f.me.WriteFile("myssh", preload+"ssh \"$@\"\n", 0o700))
	f.must(f.me.WriteFile("bin/ssh", preload+"/usr/bin/ssh \"$@\"\n", 0o700))
	return f
}

// stands is the status of the keeper of this ssh.
func (f *fronted) stands() control.Status {
	f.t.Helper()
	var s control.Status
	if out, _, _ := f.local("status", "--json", f.ssh, "devbox"); out != "" {
		f.must(json.Unmarshal([]byte(out), &s))
	}
	return s
}

// TestFrontedEndsWithItsKeeper: an ssh that makes its connection itself ends
// with a keeper that was killed, wherever the program in front has put it.
func TestFrontedEndsWithItsKeeper(t *testing.T) {
	t.Parallel()
	for name, ssh := range map[string]string{
		"as it is":                "nice ssh",
		"in another group":        "timeout 3600 ssh",
		"in another session":      "setsid ssh",
		"below a shell":           "sh -c \"ssh \\\"\\$@\\\"; exit \\$?\" sh",
		"in a session of a shell": "setsid sh -c \"ssh \\\"\\$@\\\"; exit \\$?\" sh",
	} {
		if name != "in a session of a shell" && !labtest.Whole { // the hardest one
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			ssh = "--ssh=" + ssh
			w.runs("keep", ssh, "devbox")
			w.agentThere()
			w.must(stopGuardian(w))
			w.must(killKeeper(w))
			w.must(lab.Eventually(w.ctx(), "no ssh", func() (bool, error) { return len(named(w.me.Processes(), "ssh")) == 0, nil }))
			w.must(wakeGuardian(w))
			w.agentThere()
			w.runs("stop", ssh, "devbox")
			w.nothingLeft()
		})
	}
}

// TestFrontTakesAnyHostKey: a script that has ssh take any host key overrides
// what mosha says, and nobody but ssh sees the key.
func TestFrontTakesAnyHostKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.must(w.me.WriteFile("lax", "#!/bin/sh\nexec ssh -o StrictHostKeyChecking=no \"$@\"\n", 0o700))
	w.fails(5, `^mosha: what runs ssh has it take any host key of devbox.*\n^mosha: hint: .*StrictHostKeyChecking`, "--ssh="+w.me.Path("lax"), "devbox")
	w.must(w.sshd.NewHostKey())
	w.fails(5, `^mosha: the host key of devbox has CHANGED`, "--ssh=nice ssh -o StrictHostKeyChecking=no", "devbox")
	w.nothingLeft()
}

// TestFrontThatIsInTheWay: what keeps ssh from doing its part is said in one line,
// and nothing is left.
func TestFrontThatIsInTheWay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, c := range map[string]struct{ script, says string }{
		"no master": {`exec ssh -S none "$@"`, "ssh is run by " + w.me.Path("my-ssh") + ", which keeps it from being a ControlMaster"},
		"no socket": {`case $* in *-N*) ssh -o ControlPath=/nowhere/else "$@"; exit 3;; esac; exec ssh "$@"`, "cannot bind to path /nowhere/else"},
		"no way":    {`case $* in *-N*) echo no way out >&2; exit 3;; esac; exec ssh "$@"`, "no way out"},
		"no word":   {`case $* in *-N*) exit 3;; esac; exec ssh "$@"`, "it ended without a word, with exit status 3"},
	} {
		labtest.Program(t, w.me.Path("my-ssh"), "#!/bin/sh\n"+c.script+"\n")
		_, stderr, code := w.local("keep", "--ssh="+w.me.Path("my-ssh"), "devbox")
		if code != 4 || !strings.Contains(stderr, c.says) || strings.Count(stderr, "mosha: OpenSSH could not connect") != 1 {
			t.Errorf("%s: exit %d: %s", name, code, stderr)
		}
		w.nothingLeft()
	}
}

// TestFrontTypes: a program in front that types a password does so in the
// background, too. Where a person has to, nothing is typed behind their back: no
// empty answer is sent, either.
func TestFrontTypes(t *testing.T) {
	t.Parallel()
	w := newSecretWorld(t)
	status := func(ssh string) (s control.Status) {
		t.Helper()
		if out, _, _ := w.local("status", "--json", ssh, "devbox"); out != "" {
			w.must(json.Unmarshal([]byte(out), &s))
		}
		return s
	}
	becomes := func(ssh string, state control.State, reconnects int) {
		t.Helper()
		w.must(lab.Eventually(w.ctx(), string(state), func() (bool, error) {
			s := status(ssh)
			return s.State == state && s.Reconnects == reconnects, nil
		}))
	}
	pass := "--ssh=sshpass -p " + secret + " ssh"
	w.runs("keep", pass, "devbox")
	w.must(w.sshd.KillSessions())
	becomes(pass, control.Up, 1)
	w.runs("stop", pass, "devbox")
	w.nothingLeft()

	nice := "--ssh=nice ssh"
	labtest.Program(t, w.me.Path("askpass"), "#!/bin/sh\necho '"+secret+"'\n")
	w.me.Setenv("SSH_ASKPASS", w.me.Path("askpass"))
	w.me.Setenv("SSH_ASKPASS_REQUIRE", "force")
	if _, stderr, code := w.local("keep", nice, "devbox"); code != 0 {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	failed := strings.Count(w.sshd.Log(), "Failed password")
	w.must(w.sshd.KillSessions())
	becomes(nice, control.NeedsAuth, 0)
	if n := strings.Count(w.sshd.Log(), "Failed password"); n != failed {
		t.Errorf("%d wrong passwords were sent", n-failed)
	}
	w.runs("stop", nice, "devbox")
	w.nothingLeft()
}

// TestCommandsOfTheConfigurationAreNotLogged: their arguments may hold a
// secret, and ssh says them among what is logged of one that has failed.
func TestCommandsOfTheConfigurationAreNotLogged(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.must(w.me.WriteFile(".ssh/config", "Match exec \"true the-secret\"\n  ProxyCommand sh -c 'exit 1' the-secret\n", 0o600))
	for _, ssh := range []string{"ssh", "nice ssh"} {
		if _, stderr, code := w.local("keep", "--transport=openssh", "--ssh="+ssh, "devbox"); code != 4 {
			t.Errorf("%s: exit %d: %s", ssh, code, stderr)
		}
	}
	logs, err := w.me.Command(w.ctx(), "sh", "-c", "cat .local/state/mosha/*.log").Output()
	w.must(err)
	if !strings.Contains(string(logs), "Executing proxy command") || strings.Contains(string(logs), "the-secret") {
		t.Errorf("the logs:\n%s", logs)
	}
	w.nothingLeft()
}
