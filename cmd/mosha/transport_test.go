//go:build linux

package main_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/mosha-ssh/mosha/internal/keeper/control"
	"github.com/mosha-ssh/mosha/internal/lab"
	"github.com/mosha-ssh/mosha/internal/lab/labtest"
)

// overOpenSSH are the tests of a connection's life. They run once more over the
// OpenSSH transport, and nothing in them knows of that.
var overOpenSSH = []struct {
	name string
	test func(*testing.T)
}{
	{"Session", TestSession},
	{"SecondLaunch", TestSecondLaunchOpensNoConnection},
	{"FewSessions", TestFewSessions},
	{"KeyNotAccepted", TestKeyNotAccepted},
	{"ChangedHostKey", TestChangedHostKeyIsRefused},
	{"UnknownHostKey", TestUnknownHostKeyIsAsked},
	{"SilentLoss", TestSilentLossIsMended},
	{"NetworkFailures", TestNetworkFailures},
	{"Rebooted", TestRebootedWithANewHostKey},
	{"KeeperKilled", TestKeeperKilled},
	{"NoLongerAllowed", TestKeyNoLongerAuthorized},
	{"AgentOnANewSock", TestAgentOnANewSocket},
	{"Keep", TestKeep},
	{"ForwardingRefuse", TestForwardingRefusedThere},
	{"CorrectedConfig", TestKeepTakesCorrectedConfig},
	{"Stop", TestStop},
	{"LetPass", TestLetPassForAnotherLaunch},
	{"Options", TestSSHOptionsCount},
	{"Password", TestPassword},
	{"Jump", TestJump},
	{"PasswordWrong", TestPasswordWrongThreeTimes},
	{"Command", TestCommandHasTheAgent},
	{"NoSecret", TestNoSecretInTheLog},
	{"Tunnels", TestTunnels},
}

// TestOverOpenSSH runs them.
func TestOverOpenSSH(t *testing.T) {
	for _, row := range labtest.Rows(8, overOpenSSH) {
		t.Run(row.name, row.test)
	}
}

// transportOf is the transport that a test's programs are to use, "" for the
// one that they choose themselves.
func transportOf(t *testing.T) string {
	if strings.HasPrefix(t.Name(), "TestOverOpenSSH/") {
		return "openssh"
	}
	return ""
}

// withTransport adds the world's transport to the arguments of a launch or of
// keep or doctor.
func (w *world) withTransport(args []string) []string {
	if w.transport == "" || len(args) == 0 || slices.Contains([]string{"status", "log", "stop", "forward"}, args[0]) {
		return args
	}
	at := 0
	if args[0] == "keep" || args[0] == "doctor" {
		at = 1
	}
	return slices.Insert(slices.Clone(args), at, "--transport="+w.transport)
}

// TestTransportIsChosen: what only OpenSSH can do is done by it, and status says
// why. Where the server had to be asked, that is done once.
func TestTransportIsChosen(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		server, config string
		reason         string
		says           string // what ssh has to say on the way
		asked          int    // connections before the first that OpenSSH made
		unheard        int    // and such that may have ended before the server heard anything
	}{
		"only the server has it not": {server: "KexAlgorithms sntrup761x25519-sha512@openssh.com", reason: "key exchange", asked: 1},
		"the configuration wants it": {
			server: "KexAlgorithms +sntrup761x25519-sha512@openssh.com", config: "KexAlgorithms sntrup761x25519-sha512@openssh.com", reason: "key exchange",
		},
		"a long line before the version": {
			config: "ProxyCommand sh -c 'printf %%0300d 0; echo; exec nc %h %p'", reason: "do not understand each other", unheard: 1,
		},
		"a library for smart cards": {config: "PKCS11Provider /usr/lib/none.so", reason: "/usr/lib/none.so", says: "is not a PKCS11 library"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, c.server)
			w.must(w.me.WriteFile(".ssh/config", c.config+"\nHost devbox*\n  User "+w.dev.Name+"\n", 0o600))
			if _, stderr, code := w.local("keep", "devbox"); code != 0 || !strings.Contains(stderr, c.says) || c.says == "" && stderr != "" {
				t.Fatalf("keep: exit %d, %s", code, stderr)
			}
			w.agentThere()
			s := w.status()
			if s.Transport != "openssh" || !strings.Contains(s.Reason, c.reason) {
				t.Errorf("%+v", s)
			}
			if out, _, _ := w.local("status", "devbox"); !strings.Contains(out, "devbox: OpenSSH carries the connection: "+s.Reason) {
				t.Errorf("status says\n%s", out)
			}
			if log := w.runs("log", "devbox"); strings.Count(log, "OpenSSH is to carry the connection") != 1 {
				t.Errorf("the log has\n%s", log)
			}
			w.must(w.sshd.KillSessions())
			w.becomes("up again", func(s control.Status) bool { return s.State == control.Up && s.Reconnects == 1 })
			w.agentThere()
			if n := w.sshd.Connections(); n < c.asked+2 || n > c.asked+2+c.unheard {
				t.Errorf("%d connections, want %d", n, c.asked+2)
			}
			w.runs("stop", "devbox")
			w.nothingLeft()
		})
	}
}

// TestTransportIsNot OpenSSH where that would be refused as well, or is not
// wanted.
func TestTransportIsNot(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "KexAlgorithms curve25519-sha256")
	for _, c := range []struct {
		options string
		code    int
		said    string
	}{
		{"-o UserKnownHostsFile=/dev/null -o StrictHostKeyChecking=yes", 5, "is not known"},
		{"-o IdentityAgent=none -o IdentityFile=none", 6, "did not let you in"},
		{"-o KexAlgorithms=ecdh-sha2-nistp256", 4, "no common algorithm for key exchange"},
	} {
		before := w.sshd.Connections()
		if _, stderr, code := w.local("keep", "--ssh=ssh "+c.options, "devbox"); code != c.code || !strings.Contains(stderr, c.said) {
			t.Errorf("%s: exit %d: %s", c.options, code, stderr)
		}
		if n := w.sshd.Connections() - before; n != 1 {
			t.Errorf("%s: %d connections, want 1", c.options, n)
		}
		w.nothingLeft()
	}
	_, stderr, code := w.local("keep", "--transport=native", "--ssh=ssh -o KexAlgorithms=sntrup761x25519-sha512@openssh.com", "devbox")
	if code != 4 || !strings.Contains(stderr, "allows no key exchange that the native transport has") {
		t.Errorf("exit %d: %s", code, stderr)
	}
	w.nothingLeft()
}

// TestOtherTransport: a launch does not change what carries an open connection.
func TestOtherTransport(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, c := range [][]string{{"native", "openssh"}, {"openssh", "native"}} {
		w.runs("keep", "--transport="+c[0], "devbox")
		w.runs("keep", "--transport="+c[0], "devbox")
		w.runs("keep", "devbox")
		_, stderr, code := w.local("keep", "--transport="+c[1], "devbox")
		if code != 1 || !strings.Contains(stderr, c[1]+" was asked for, but the open connection is carried by "+c[0]) {
			t.Errorf("exit %d: %s", code, stderr)
		}
		if s := w.status(); s.Transport != c[0] || s.Reason != "" {
			t.Errorf("%+v", s)
		}
		w.runs("stop", "devbox")
		w.nothingLeft()
	}
}

// TestUsersMaster: a ControlMaster of the user's own is neither used nor ended.
func TestUsersMaster(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.must(w.me.WriteFile(".ssh/config", "ControlMaster auto\nControlPath ~/.ssh/master\nControlPersist yes\nHost devbox*\n User "+w.dev.Name+"\n", 0o600))
	check := func(command string) {
		t.Helper()
		if out, err := w.me.Command(w.ctx(), "ssh", "-O", command, "devbox").CombinedOutput(); err != nil {
			t.Errorf("ssh -O %s: %v: %s", command, err, out)
		}
	}
	w.must(w.me.Command(w.ctx(), "ssh", "-fN", "devbox").Run())
	w.transport = "openssh"
	window := w.shell("devbox")
	w.agentIsNow(window, w.key)
	if n := w.sshd.Connections(); n != 2 {
		t.Errorf("%d connections, want the user's and mosha's", n)
	}
	check("check")
	w.exit(window)
	w.must(w.me.WaitGone(w.ctx(), "mosha keeper"))
	check("check")
	check("exit")
	w.nothingLeft()
}

// TestMasterEndsWithItsKeeper, however that ends, and takes its sockets along.
func TestMasterEndsWithItsKeeper(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.transport = "openssh"
	window := w.shell("devbox")
	first := w.master()
	w.must(stopGuardian(w))
	w.must(killKeeper(w))
	w.must(lab.Eventually(w.ctx(), "no ssh", func() (bool, error) { return len(named(w.me.Processes(), "ssh")) == 0, nil }))
	w.must(wakeGuardian(w))
	w.agentIs(window, w.key)
	if second := w.master(); second == first {
		t.Errorf("the ssh whose keeper was killed runs: %d", second)
	}
	dirs, err := filepath.Glob(w.listing(w.me, `printf %s "$XDG_RUNTIME_DIR"`) + "/mosha/*/ssh*")
	if err != nil || len(dirs) != 1 {
		t.Errorf("there are %q, %v, want the one directory of one ssh", dirs, err)
	}
	w.must(unix.Kill(w.master(), unix.SIGKILL)) // the keeper is left without it
	w.becomes("up with another", func(s control.Status) bool { return s.State == control.Up && s.Reconnects == 1 })
	w.agentIs(window, w.key)
	w.exit(window)
	w.nothingLeft()
}

// master is the pid of the one ssh that carries a connection.
func (w *world) master() int {
	w.t.Helper()
	found := named(w.me.Processes(), "ssh")
	if len(found) != 1 {
		w.t.Fatalf("%d ssh run: %v", len(found), found)
	}
	return found[0].PID
}

// TestAgentIsBound over both transports: a key that may be used on the devbox
// and from there on a third machine only is refused on any other way.
func TestAgentIsBound(t *testing.T) {
	t.Parallel()
	for _, transport := range []string{"native", "openssh"} {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.transport = transport
			other, lines := w.third()
			w.must(w.dev.KnowHost(lines...))
			w.must(w.me.KnowHost(lines...))
			bound, err := w.me.NewKey("bound", "ed25519")
			w.must(err)
			w.must(other.Authorize(bound.Pub))
			add := func(hosts ...string) {
				t.Helper()
				args := []string{"-q"}
				for _, h := range hosts {
					args = append(args, "-h", h)
				}
				if out, err := w.me.Command(w.ctx(), "ssh-add", append(args, bound.Path)...).CombinedOutput(); err != nil {
					t.Fatalf("ssh-add: %v: %s", err, out)
				}
			}
			window := w.shell("devbox")
			reach := fmt.Sprintf("ssh -o BatchMode=yes %s@third true 2>/dev/null; echo $?", other.Name)
			add("devbox", "devbox>third")
			w.ask(window, w.key, reach, "0")
			if out, err := w.me.Command(w.ctx(), "ssh-add", "-d", bound.Path).CombinedOutput(); err != nil {
				t.Fatalf("ssh-add -d: %v: %s", err, out)
			}
			add("devbox")
			w.ask(window, w.key, reach, "255")
			w.exit(window)
			w.nothingLeft()
		})
	}
}

// third is a user on a third machine, and its host key.
func (w *world) third() (*lab.User, []string) {
	w.t.Helper()
	machine, err := w.lab.AddMachine("third")
	w.must(err)
	other, err := machine.AddUser("bash")
	w.must(err)
	sshd, err := machine.Sshd(lab.SshdConfig{})
	w.must(err)
	lines, err := sshd.HostKeyLines("third")
	w.must(err)
	return other, lines
}

// TestSecurityKey: OpenSSH uses a FIDO key whose file is here, and mosha tells the
// person to touch it. The token is one in software.
func TestSecurityKey(t *testing.T) {
	t.Parallel()
	const provider = "/usr/lib/openssh/regress/misc/sk-dummy/sk-dummy.so" // of the package openssh-tests
	w := newWorld(t)
	path := w.me.Path(".ssh/token")
	if out, err := w.me.Command(w.ctx(), "ssh-keygen", "-q", "-t", "ed25519-sk", "-w", provider, "-N", "", "-f", path).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	public, err := w.me.ReadFile(".ssh/token.pub")
	w.must(err)
	w.must(w.dev.WriteFile(".ssh/authorized_keys", public, 0o600))
	w.must(w.me.WriteFile(".ssh/config", "Host devbox\n User "+w.dev.Name+"\n IdentityFile "+path+"\n SecurityKeyProvider "+provider+"\n", 0o600))
	w.must(w.me.WriteFile("touch", "#!/bin/sh\nuntil [ -e $HOME/touched ]; do sleep .05; done\nexec /usr/lib/openssh/ssh-sk-helper \"$@\"\n", 0o700))
	w.me.Setenv("SSH_SK_HELPER", w.me.Path("touch"))
	window := w.run("devbox")
	w.must(window.WaitFor(w.ctx(), "Confirm user presence for key ED25519-SK SHA256:"))
	w.must(w.me.WriteFile("touched", "", 0o600))
	w.must(window.WaitFor(w.ctx(), `\$ ?$`))
	w.agentIsNow(window, w.key)
	if s := w.status(); s.Transport != "openssh" || !strings.Contains(s.Reason, path) {
		t.Errorf("%+v", s)
	}
	w.must(w.sshd.KillSessions()) // the token signs again, without anybody
	w.becomes("up again", func(s control.Status) bool { return s.State == control.Up && s.Reconnects == 1 })
	w.agentIs(window, w.key)
	w.exit(window)
	w.nothingLeft()
}
