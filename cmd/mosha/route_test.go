//go:build linux

package main_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/mosha-ssh/mosha/internal/lab"
)

// addHop adds the machine hop, also called hop4, whose host key is known, and
// returns the person's account there.
func (w *world) addHop() *lab.User {
	w.t.Helper()
	hop, err := w.lab.AddMachine("hop")
	w.must(err)
	jumper, err := hop.AddUser("bash")
	w.must(err)
	w.must(jumper.Authorize(w.key.Pub))
	sshd, err := hop.Sshd(lab.SshdConfig{})
	w.must(err)
	lines, err := sshd.HostKeyLines("hop", "hop4")
	w.must(err)
	w.must(w.me.KnowHost(lines...))
	return jumper
}

// behindItself makes box a name for the devbox that is reached through the
// devbox, so that its own loopback is all that it knows of its address.
func (w *world) behindItself() {
	w.t.Helper()
	sshd, err := w.lab.Devbox.Sshd(lab.SshdConfig{Port: 2201})
	w.must(err)
	lines, err := sshd.HostKeyLines("127.0.0.1")
	w.must(err)
	w.must(w.me.KnowHost(lines...))
	w.must(w.me.WriteFile(".ssh/config", "Host devbox\n User "+w.dev.Name+
		"\nHost box\n HostName 127.0.0.1\n Port 2201\n User "+w.dev.Name+"\n ProxyJump devbox\n", 0o600))
}

// TestNoPathForUDP says so in one line before the screen goes blank, and
// leaves no server behind.
func TestNoPathForUDP(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.behindItself()
	w.fails(10, `^mosha: mosh's UDP has no way to 127\.0\.0\.1, the server's address behind the proxy: it is the server's own loopback\n`+
		`^mosha: hint: --udp-address HOST`, "box")
}

// TestUDPAddress takes the UDP elsewhere than the server says.
func TestUDPAddress(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.behindItself()
	for _, name := range []string{"devbox4", "devbox6"} {
		window := w.shell("--udp-address="+name, "box")
		w.do(window, "ssh-add -l", w.fingerprint())
		w.exit(window)
	}
	w.nothingLeft()
	_, stderr, code := w.local("--udp-address=devbox", "--experimental-remote-ip=local", "box")
	if code != 2 || !strings.Contains(stderr, "exclude each other") {
		t.Errorf("exit %d, %s", code, stderr)
	}
}

// TestNoRouteForUDP: a laptop without IPv6 reaches an IPv6 host through a hop,
// but not with UDP.
func TestNoRouteForUDP(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	jumper := w.addHop()
	w.must(w.lab.Laptop.Command(w.ctx(), "ip", "-6", "address", "flush", "dev", "net0").Run())
	w.must(w.lab.Laptop.Command(w.ctx(), "ip", "-6", "route", "flush", "dev", "net0").Run())
	w.fails(10, `^mosha: mosh's UDP has no way to fd.*: network is unreachable`, "--ssh=ssh -J "+jumper.Name+"@hop4", "devbox6")
}

// TestProxyToThisMachine: the server behind a proxy is this very machine, so
// its loopback is the right address.
func TestProxyToThisMachine(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	sshd, err := w.lab.Laptop.Sshd(lab.SshdConfig{Port: 2201})
	w.must(err)
	lines, err := sshd.HostKeyLines("127.0.0.1")
	w.must(err)
	w.must(w.me.KnowHost(lines...))
	w.must(w.me.Authorize(w.key.Pub))
	window := w.shell("--ssh=ssh -p 2201 -o ProxyCommand='nc %h %p'", "127.0.0.1")
	w.do(window, "ssh-add -l", w.fingerprint())
	w.exit(window)
}

// TestServerOutsidePath: mosha finds it where people install it for themselves, and
// tells where. What --server says wins.
func TestServerOutsidePath(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	program, err := os.ReadFile("/usr/bin/mosh-server")
	w.must(err)
	w.must(w.lab.Devbox.Hide("/usr/bin/mosh-server"))
	w.must(w.dev.WriteFile(".local/bin/mosh-server", string(program), 0o755))
	window := w.shell("devbox")
	w.must(window.WaitOutput(w.ctx(), `mosha: mosh-server is not in PATH on devbox: using `+w.dev.Path(".local/bin/mosh-server")))
	w.do(window, "ssh-add -l", w.fingerprint())
	w.do(window, "echo path=$PATH", `path=[^ ]*bin`)
	if screen := window.Screen(); strings.Contains(screen, "path="+w.dev.Path(".local")) || strings.Contains(screen, "homebrew") {
		t.Errorf("the session's PATH was changed:\n%s", screen)
	}
	w.exit(window)
	w.must(w.dev.WriteFile("elsewhere/mosh-server", string(program), 0o755))
	window = w.shell("--server=~/elsewhere/mosh-server", "devbox")
	if said := string(window.Transcript()); strings.Contains(said, "not in PATH") {
		t.Errorf("--server was not taken:\n%s", said)
	}
	if there := w.remote("ps -o args= -u $(id -u)"); !strings.Contains(there, "elsewhere/mosh-server") {
		t.Errorf("--server was not taken:\n%s", there)
	}
	w.exit(window)
	w.nothingLeft()
}

// TestLoginShells: a session and a command, whatever the login shell is and
// however noisy its start-up files are.
func TestLoginShells(t *testing.T) {
	t.Parallel()
	const noise = "echo hello; echo world >&2 ; echo MOSH IP 6.6.6.6\n"
	const cshNoise = "echo hello\necho MOSH IP 6.6.6.6\n"
	for shell, files := range map[string]map[string]string{
		"bash": {".bashrc": noise, ".bash_profile": noise},
		"zsh":  {".zshenv": noise, ".zshrc": noise},
		"fish": {".config/fish/config.fish": noise},
		"dash": {".profile": noise},
		"mksh": {".profile": noise, ".mkshrc": noise},
		"tcsh": {".tcshrc": cshNoise, ".login": cshNoise},
	} {
		t.Run(shell, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.livesIn(shell, files)
			window := w.run("devbox", "--", "sh", "-c", "ssh-add -l; read x")
			w.must(window.WaitFor(w.ctx(), w.fingerprint()))
			w.must(window.Send("\r"))
			code, err := window.Wait(w.ctx())
			if err != nil || code != 0 {
				t.Errorf("exit %d, %v", code, err)
			}
			window = w.run("devbox")
			w.must(window.WaitFor(w.ctx(), `[$%#>] ?$`))
			w.do(window, "ssh-add -l", w.fingerprint())
			w.exit(window)
			w.nothingLeft()
		})
	}
}

// TestLongEnvironment: what does not fit is left out and said.
func TestLongEnvironment(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "AcceptEnv *")
	w.must(w.me.WriteFile(".ssh/config", "Host devbox*\n User "+w.dev.Name+"\n SendEnv MY_*\n", 0o600))
	w.me.Setenv("MY_LONG", strings.Repeat("x", 100_000))
	w.me.Setenv("MY_LONGISH", strings.Repeat("y", 20_000))
	w.me.Setenv("MY_NAME", "short")
	window := w.shell("devbox")
	w.must(window.WaitOutput(w.ctx(), `mosha: warning: too long to be sent to the session: MY_LONG\r?$`))
	w.do(window, "echo ${#MY_LONG} ${#MY_LONGISH} $MY_NAME", "^0 20000 short")
	w.exit(window)
	w.nothingLeft()
}

// TestDeadIPv6: a network in which IPv6 packets are lost does not keep mosha
// from an IPv4 address, whichever is tried first.
func TestDeadIPv6(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.must(w.lab.Devbox.Command(w.ctx(), "ip", "-6", "address", "flush", "dev", "net0").Run())
	window := w.shell("--family=prefer-inet6", "devbox")
	w.do(window, "clear; echo $SSH_CONNECTION", " "+w.lab.Devbox.Addr().String()+" 22$")
	w.exit(window)
	w.nothingLeft()
}

// TestRemoteCommandIsLeftAlone, which mosh fails on: the session is a shell.
func TestRemoteCommandIsLeftAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.must(w.me.WriteFile(".ssh/config", "Host devbox\n User "+w.dev.Name+
		"\n RemoteCommand touch ran\n RequestTTY force\n PermitLocalCommand yes\n LocalCommand touch ran\n", 0o600))
	window := w.shell("devbox")
	w.do(window, "clear; ssh-add -l", w.fingerprint())
	w.exit(window)
	w.nothingLeft()
	for _, u := range []*lab.User{w.me, w.dev} {
		if _, err := u.ReadFile("ran"); err == nil {
			t.Errorf("the command ran on %s", u.Machine.Name)
		}
	}
}

// livesIn gives the person another account on the devbox, with that login
// shell and these files.
func (w *world) livesIn(shell string, files map[string]string) {
	w.t.Helper()
	var err error
	w.dev, err = w.lab.Devbox.AddUser(shell)
	w.must(errors.Join(err, w.dev.Authorize(w.key.Pub)))
	for path, text := range files {
		w.must(w.dev.WriteFile(path, text, 0o644))
	}
	w.must(w.me.WriteFile(".ssh/config", "Host devbox*\n  User "+w.dev.Name+"\n", 0o600))
}
