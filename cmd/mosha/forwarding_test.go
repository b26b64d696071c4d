//go:build linux

package main_test

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mosha-ssh/mosha/internal/keeper/control"
	"github.com/mosha-ssh/mosha/internal/lab/labtest"
)

// ownAgents are those that a person may have on the devbox, by the directory
// of their socket: a start-up file names it, before sshd's shell runs anything.
var ownAgents = map[string]string{
	"none":           "",
	"none, and said": emptied,
	"a keyring":      "$HOME/.local/keyring",
	"ssh-agent":      "/tmp/ssh-$USER", // as sshd itself, up to 10.0
}

// triedAgents names those to try: the one that is easiest to take for sshd's,
// or all.
func triedAgents() []string {
	if labtest.Whole {
		return slices.Collect(maps.Keys(ownAgents))
	}
	return []string{"ssh-agent"}
}

// emptied is where the start-up file asks a program that is not there.
const emptied = "emptied"

// hasOwnAgent starts such an agent and has all shells on the devbox use it. It
// returns its socket.
func (w *world) hasOwnAgent(dir string) (socket string) {
	w.t.Helper()
	switch dir {
	case "":
		w.must(w.dev.WriteFile(".bashrc", "# mine\n", 0o644))
		return ""
	case emptied:
		w.must(w.dev.WriteFile(".bashrc", "export SSH_AUTH_SOCK=$(no-gpgconf --list-dirs agent-ssh-socket 2>/dev/null)\n", 0o644))
		return ""
	}
	socket = w.remote(fmt.Sprintf(`export USER=$(id -un); mkdir -p -m 700 %s; s=%[1]s/agent.$$; ssh-agent -a $s >/dev/null; echo $s`, dir))
	w.must(w.dev.WriteFile(".bashrc", "export SSH_AUTH_SOCK="+socket+"\n", 0o644))
	return socket
}

// endOwnAgent ends it.
func (w *world) endOwnAgent(socket string) {
	w.t.Helper()
	w.remote(fmt.Sprintf(`for p in $(ps -u "$(id -u)" -o pid= -o comm= | sed -n 's/ssh-agent$//p'); do kill $p; done; rm -rf "%s"`, filepath.Dir(socket)))
}

// forbiddances are the ways in which a server forwards no agent: lines of
// sshd_config, and options of the key.
var forbiddances = map[string]struct{ line, options, cause string }{
	"AllowAgentForwarding": {line: "AllowAgentForwarding no", cause: `^the server forwards no agent: AllowAgentForwarding no \(/etc/ssh/sshd_config:1\)$`},
	"restrict":             {options: "restrict,pty ", cause: `^your key has the option restrict in ~/\.ssh/authorized_keys there$`},
}

// TestOwnAgentIsNotTheForwardedOne: where none is forwarded, an agent that the
// person has on that machine does not pass for it.
func TestOwnAgentIsNotTheForwardedOne(t *testing.T) {
	t.Parallel()
	for name, forbidden := range forbiddances {
		for _, transport := range []string{"native", "openssh"} {
			t.Run(name+" over "+transport, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, forbidden.line)
				w.transport = transport
				w.must(w.lab.Devbox.Replace("/etc/ssh/sshd_config", forbidden.line+"\n", 0o644))
				w.must(w.dev.WriteFile(".ssh/authorized_keys", forbidden.options+w.key.Pub+"\n", 0o600))
				for _, own := range triedAgents() {
					t.Log(own)
					w.seesNoForwarding(ownAgents[own], forbidden.cause)
				}
			})
		}
	}
}

// seesNoForwarding has mosha and the doctor meet a server that forwards none.
func (w *world) seesNoForwarding(ownAgent, cause string) {
	w.t.Helper()
	socket := w.hasOwnAgent(ownAgent)
	window := w.shellWithout("the server forwards no agent", "devbox")
	s := w.status()
	if s.State != control.Up || s.Link == "own" || !strings.Contains(strings.Join(s.Problems, "\n"), "agent forwarding: refused") {
		w.t.Errorf("with %q there, the status is %+v", socket, s)
	}
	r := w.examine("devbox")
	r.fails(7, map[string]string{"forwarding": cause})
	r.is("signature", "skip", "forwarding comes first")
	if link := w.remote("readlink .ssh/ssh_auth_sock || :"); link != "" {
		w.t.Errorf("the link leads to %s", link)
	}
	w.exit(window)
	if socket != "" {
		w.endOwnAgent(socket)
	}
	w.nothingLeft()
}

// TestForwardedAgentBesideOnesOwn: the forwarded one is found all the same, by
// a launch and by the doctor, on the launch's connection and on one of its own.
func TestForwardedAgentBesideOnesOwn(t *testing.T) {
	t.Parallel()
	for _, transport := range []string{"native", "openssh"} {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.transport = transport
			for _, own := range triedAgents() {
				t.Log(own)
				socket := w.hasOwnAgent(ownAgents[own])
				w.forwards(socket)
				window := w.shell("devbox")
				w.becomes("link own", func(s control.Status) bool { return s.Link == "own" && len(s.Problems) == 0 })
				link := w.remote("readlink .ssh/ssh_auth_sock")
				if link == socket {
					t.Errorf("the link leads to %s", link)
				}
				if got := w.forwards(socket); got != link {
					t.Errorf("the doctor found %s, and the link leads to %s", got, link)
				}
				w.agentThere()
				w.exit(window)
				if socket != "" {
					w.endOwnAgent(socket)
				}
				w.nothingLeft()
			}
		})
	}
}

// forwards has the doctor look, and returns the socket that it found.
func (w *world) forwards(own string) string {
	w.t.Helper()
	r := w.examine("devbox")
	for _, name := range []string{"forwarding", "signature"} {
		r.is(name, "ok", "")
	}
	found := r.rows["forwarding"].Facts["socket"]
	if found == own {
		w.t.Errorf("the doctor found %s", found)
	}
	return found
}
