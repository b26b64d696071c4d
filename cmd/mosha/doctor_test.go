//go:build linux

package main_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mosha-ssh/mosha/internal/keeper/control"
	"github.com/mosha-ssh/mosha/internal/lab"
)

// finding is a check as mosha doctor --json prints it.
type finding struct {
	Check, Where, State, Cause, Cure string
	Facts                            map[string]string
}

// report is all of them, by name and in order.
type report struct {
	t    *testing.T
	code int
	rows map[string]finding
	all  []finding
}

// examine runs mosha doctor --json.
func (w *world) examine(args ...string) report {
	w.t.Helper()
	out, stderr, code := w.local(append([]string{"doctor", "--json"}, args...)...)
	r := report{t: w.t, code: code, rows: map[string]finding{}}
	for line := range strings.Lines(out) {
		var c finding
		w.must(json.Unmarshal([]byte(line), &c))
		r.rows[c.Check] = c
		r.all = append(r.all, c)
	}
	if len(r.all) == 0 {
		w.t.Fatalf("no check was reported: exit %d, %s", code, stderr)
	}
	w.t.Cleanup(func() {
		if w.t.Failed() {
			w.t.Logf("exit %d, %s\n%s", code, stderr, out)
		}
	})
	return r
}

// is checks one row: its state and, unless empty, what its cause is like.
func (r report) is(check, state, cause string) {
	r.t.Helper()
	got, there := r.rows[check]
	if !there || got.State != state || !regexp.MustCompile(cause).MatchString(got.Cause) {
		r.t.Errorf("%s is %+v, want %s: %s", check, got, state, cause)
	}
	if (state == "fail") && got.Cure == "" {
		r.t.Errorf("%s fails and has no cure", check)
	}
}

// fails checks that these fail, with these causes, and that no other does.
func (r report) fails(code int, causes map[string]string) {
	r.t.Helper()
	if r.code != code {
		r.t.Errorf("exit code %d, want %d", r.code, code)
	}
	for check, cause := range causes {
		r.is(check, "fail", cause)
	}
	for _, c := range r.all {
		if _, wanted := causes[c.Check]; c.State == "fail" && !wanted {
			r.t.Errorf("%s fails: %s", c.Check, c.Cause)
		}
	}
}

// needed are the checks that hold wherever a session works, in their order.
var needed = []string{
	"ssh", "mosh", "mosh-client", "locale", "agent", "keeper", "connection", "udp",
	"shell", "mosh-server", "server-locale", "forwarding", "link", "signature",
}

// well checks that all is there that is needed.
func (r report) well() {
	r.t.Helper()
	r.fails(0, nil)
	for i, name := range needed {
		r.is(name, "ok", "")
		if i < len(r.all) && r.all[i].Check != name {
			r.t.Errorf("check %d is %s, want %s", i, r.all[i].Check, name)
		}
	}
}

// everything is what a user's home and processes are on the devbox.
func (w *world) everything() string {
	w.t.Helper()
	return w.remote(`find . -type f ! -name .bash_history -exec cksum {} +; find . -type l -printf '%p %l\n'; find . -printf '%p %m %T@\n' | sort`)
}

// TestDoctor: before and after the set-up, all is well, nothing changes on
// the remote, and nothing is left.
func TestDoctor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.must(w.dev.WriteFile(".bashrc", "# mine\n", 0o644))
	before := w.everything()
	r := w.examine("devbox")
	r.well()
	r.is("setup", "warn", `^not set up: ~/.ssh/rc, ~/.bashrc, ~/.profile$`)
	r.is("user-rc", "skip", "")
	r.is("login-shell", "warn", `bash has no SSH_AUTH_SOCK`)
	if cure := r.rows["setup"].Cure; !strings.Contains(cure, "mosha --setup-only devbox") {
		t.Errorf("the cure is %q", cure)
	}
	if after := w.everything(); after != before {
		t.Errorf("the remote was\n%s\nand is\n%s", before, after)
	}
	w.nothingLeft()

	if _, stderr, code := w.local("--setup-only", "devbox"); code != 0 {
		t.Fatal(stderr)
	}
	w.nothingLeft()
	before = w.remote("ls -lA . .ssh; cat .ssh/rc .bashrc .profile")
	r = w.examine("devbox")
	r.well()
	for _, name := range []string{"setup", "user-rc", "login-shell"} {
		r.is(name, "ok", "")
	}
	if via := r.rows["signature"].Facts["via"]; via != "link" {
		t.Errorf("the signature was made via %q", via)
	}
	w.nothingLeft()
	if after := w.remote("ls -lA . .ssh; cat .ssh/rc .bashrc .profile"); !sameButDirTimes(before, after) {
		t.Errorf("the remote was\n%s\nand is\n%s", before, after)
	}
}

// sameButDirTimes: the link was there for a moment.
func sameButDirTimes(a, b string) bool {
	dirs := regexp.MustCompile(`(?m)^d.*$`)
	return dirs.ReplaceAllString(a, "") == dirs.ReplaceAllString(b, "")
}

// TestDoctorBesideASession uses the keeper that runs, and leaves it and the
// link as they are.
func TestDoctorBesideASession(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	window := w.shell("devbox")
	pid, link := w.keeper(), w.remote("readlink .ssh/ssh_auth_sock")
	r := w.examine("devbox")
	r.well()
	if facts := r.rows["keeper"].Facts; facts["state"] != "up" || facts["sessions"] != "1" {
		t.Errorf("of the keeper it says %v", facts)
	}
	if owner := r.rows["link"].Facts["owner"]; owner != "own" {
		t.Errorf("the link is %q", owner)
	}
	if n := w.sshd.Connections(); n != 1 {
		t.Errorf("%d connections, want 1", n)
	}
	if now := w.remote("readlink .ssh/ssh_auth_sock"); now != link || w.keeper() != pid {
		t.Errorf("the link was %s and is %s", link, now)
	}
	w.agentIsNow(window, w.key)
	w.exit(window)
	w.nothingLeft()
}

// TestDoctorWithoutAConnection: what is here is looked at all the same, and
// the rest is not.
func TestDoctorWithoutAConnection(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	known, err := w.me.ReadFile(".ssh/known_hosts")
	w.must(err)
	none := func(t *testing.T, code int, cause string, args ...string) {
		t.Helper()
		r := w.examine(args...)
		r.t = t
		r.fails(code, map[string]string{"connection": cause})
		for _, name := range needed[:6] {
			r.is(name, "ok", "")
		}
		for _, name := range append(slices.Clone(needed[7:]), "setup", "user-rc", "login-shell") {
			r.is(name, "skip", "connection comes first")
		}
		w.nothingLeft()
	}
	t.Run("no network", func(t *testing.T) {
		w.lab.Cable.Cut()
		defer w.lab.Cable.Heal()
		none(t, 4, `^no answer from devbox port 22 within 2 s`, "--ssh=ssh -o ConnectTimeout=2", "devbox")
	})
	t.Run("no name", func(t *testing.T) {
		none(t, 4, `^cannot resolve host name nohost\.invalid`, "nohost.invalid")
	})
	t.Run("no server", func(t *testing.T) {
		none(t, 4, `refused`, "--ssh=ssh -p 2222", "devbox")
	})
	t.Run("wrong key", func(t *testing.T) {
		keys, err := w.dev.ReadFile(".ssh/authorized_keys")
		w.must(err)
		w.must(w.dev.WriteFile(".ssh/authorized_keys", "", 0o600))
		none(t, 6, `^devbox did not let you in as `, "devbox")
		w.must(w.dev.WriteFile(".ssh/authorized_keys", keys, 0o600))
	})
	t.Run("unknown host key", func(t *testing.T) {
		w.must(w.me.WriteFile(".ssh/known_hosts", "", 0o600))
		none(t, 1, `^the connection needs an answer of yours, and there is no terminal`, "devbox")
		if now, _ := w.me.ReadFile(".ssh/known_hosts"); now != "" {
			t.Errorf("known_hosts has %q", now)
		}
	})
	t.Run("changed host key", func(t *testing.T) {
		w.must(w.me.WriteFile(".ssh/known_hosts", known, 0o600))
		w.must(w.sshd.NewHostKey())
		none(t, 5, `^the host key of devbox has CHANGED`, "devbox")
		if now, _ := w.me.ReadFile(".ssh/known_hosts"); now != known {
			t.Errorf("known_hosts has %q", now)
		}
	})
}

// TestDoctorAsksAboutAHostKey on the terminal, as a launch does.
func TestDoctorAsksAboutAHostKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.must(w.me.WriteFile(".ssh/known_hosts", "", 0o600))
	window := w.runSized(120, 50, "doctor", "devbox")
	w.must(window.WaitFor(w.ctx(), regexp.QuoteMeta(`(yes/no/[fingerprint])?`)))
	w.must(window.Send("no\r"))
	code, err := window.Wait(w.ctx())
	w.must(err)
	w.failed(window.Screen(), code, 5, `^  FAIL  connection +the host key of devbox was not accepted`)

	window = w.runSized(120, 50, "doctor", "devbox")
	w.must(window.WaitFor(w.ctx(), regexp.QuoteMeta(`(yes/no/[fingerprint])?`)))
	w.must(window.Send("\x03"))
	_, err = window.Wait(w.ctx())
	w.must(err)
	if screen := window.Screen(); strings.Contains(screen, "FAIL") {
		t.Errorf("after Ctrl-C it goes on:\n%s", screen)
	}
	w.nothingLeft()
}

// TestDoctorNeedsPrograms here and there.
func TestDoctorNeedsPrograms(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.must(w.lab.Laptop.Hide("/usr/bin/mosh", "/usr/bin/mosh-client"))
	w.must(w.lab.Devbox.Hide("/usr/bin/mosh-server"))
	r := w.examine("devbox")
	r.fails(1, map[string]string{
		"mosh": `^mosh is not installed here`, "mosh-client": `^mosh-client is not installed here`,
		"mosh-server": `^mosh-server is not installed there`,
	})
	r.is("udp", "skip", "")
	r.is("signature", "ok", "")
	w.nothingLeft()

	w.must(w.lab.Devbox.Replace("/usr/local/bin/my-server", "#!/bin/sh\necho no luck; exit 3\n", 0o755))
	r = w.examine("--server=my-server", "devbox")
	r.is("mosh-server", "fail", "no luck")

	w.must(w.lab.Laptop.Hide("/usr/bin/ssh"))
	r = w.examine("devbox")
	r.is("ssh", "fail", `^ssh is not installed here`)
	r.is("agent", "ok", "")
	r.is("connection", "skip", "ssh comes first")
	w.nothingLeft()
}

// TestDoctorFindsBlockedUDP in seconds, whoever blocks it and however.
func TestDoctorFindsBlockedUDP(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	rule := func(m *lab.Machine, verb string, words ...string) {
		t.Helper()
		out, err := m.Command(w.ctx(), "ip", append([]string{"rule", verb, "ipproto", "udp"}, words...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("ip rule: %v: %s", err, out)
		}
	}
	blocked := func(cause string, args ...string) {
		t.Helper()
		began := time.Now()
		w.examine(append(args, "devbox")...).fails(4, map[string]string{"udp": cause})
		t.Logf("that took %v", time.Since(began))
		w.nothingLeft()
	}
	t.Run("by the server's firewall", func(t *testing.T) {
		words := []string{"sport", "60000-61000", "blackhole"}
		rule(w.lab.Devbox, "add", words...)
		defer rule(w.lab.Devbox, "delete", words...)
		blocked(`^mosh-server runs on port 60\d\d\d of 10\.77\.0\.2, and nothing comes back from there$`)
		r := w.examine("-p", "61234", "devbox")
		r.well()
		if port := r.rows["udp"].Facts["port"]; port != "61234" {
			t.Errorf("--port 61234 gives port %s", port)
		}
	})
	t.Run("by this machine's", func(t *testing.T) {
		words := []string{"dport", "60000-61000", "prohibit"}
		rule(w.lab.Laptop, "add", words...)
		defer rule(w.lab.Laptop, "delete", words...)
		blocked(`^this machine cannot send to UDP port`)
	})
	t.Run("rejected", func(t *testing.T) {
		w.must(w.lab.Devbox.Replace("/usr/local/bin/deaf", "#!/bin/sh\necho MOSH CONNECT 60999 0123456789abcdefABCDEA\n", 0o755))
		blocked(`^UDP port 60999 of 10\.77\.0\.2 is rejected`, "--server=deaf")
	})
	t.Run("port taken", func(t *testing.T) {
		cmd := w.lab.Devbox.Command(t.Context(), "mosh-server", "new", "-p", "60777")
		cmd.Env = []string{"LC_ALL=C.UTF-8", "PATH=/usr/bin:/bin", "HOME=/", "SHELL=/bin/sh", "MOSH_SERVER_NETWORK_TMOUT=60"}
		w.must(cmd.Run())
		w.examine("-p", "60777", "devbox").fails(7, map[string]string{"mosh-server": `^mosh-server does not start: .*in use`})
		w.nothingLeft()
	})
}

// TestDoctorOnAKeeperThatWaits for a person, who acts: it tries, and what it
// refused before it refuses again.
func TestDoctorOnAKeeperThatWaits(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	window := w.shell("devbox")
	known, err := w.me.ReadFile(".ssh/known_hosts")
	w.must(err)
	w.must(w.sshd.NewHostKey())
	w.must(w.sshd.KillSessions())
	w.becomes("needs-auth", func(s control.Status) bool { return s.State == control.NeedsAuth })
	r := w.examine("devbox")
	r.fails(5, map[string]string{"connection": `^the host key of devbox has CHANGED`})
	r.is("keeper", "warn", `^it waits for you: `)
	if now, _ := w.me.ReadFile(".ssh/known_hosts"); now != known {
		t.Errorf("known_hosts has %q", now)
	}
	w.knowHost()
	w.must(w.me.Command(w.ctx(), "sed", "-i", "1d", ".ssh/known_hosts").Run())
	w.examine("devbox").well2(t, "keeper")
	if s := w.status(); s.State != control.Up || s.Sessions != 1 {
		t.Errorf("the keeper is %s with %d sessions", s.State, s.Sessions)
	}
	w.exit(window)
	w.nothingLeft()
}

// TestDoctorFamilies takes the connection and UDP over the family asked for.
func TestDoctorFamilies(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.examine("-6", "devbox")
	r.well()
	if address := r.rows["udp"].Facts["address"]; address != w.lab.Devbox.Addr6().String() {
		t.Errorf("-6 goes to %s", address)
	}
	w.nothingLeft()
	window := w.shell("-6", "devbox")
	w.examine("-4", "devbox").fails(1, map[string]string{"connection": `^inet was asked for, but the open connection is to `})
	w.exit(window)
	w.nothingLeft()
}

// TestDoctorBehindAJump sends UDP to the address that the server reports.
func TestDoctorBehindAProxy(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.must(w.me.WriteFile(".ssh/config", fmt.Sprintf("Host dev\n HostName devbox\n User %s\n ProxyCommand nc 10.77.0.2 22\n", w.dev.Name), 0o600))
	r := w.examine("dev")
	r.well()
	if address := r.rows["udp"].Facts["address"]; address != "10.77.0.2" {
		t.Errorf("UDP goes to %s", address)
	}
	w.nothingLeft()
}

// TestDoctorSeesTheKeeper that is stopped, and a directory that is not safe.
func TestDoctorSeesTheKeeper(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	window := w.shell("devbox")
	pid := w.keeper()
	w.must(unix.Kill(pid, unix.SIGSTOP))
	r := w.examine("devbox")
	r.fails(1, map[string]string{"keeper": `^the connection in the background does not answer`})
	r.is("connection", "skip", "keeper comes first")
	w.must(unix.Kill(pid, unix.SIGCONT))
	w.exit(window)
	w.nothingLeft()

	long := w.me.Path(strings.Repeat("x", 90))
	w.must(w.me.Command(w.ctx(), "mkdir", "-m", "700", long).Run())
	w.me.Setenv("XDG_RUNTIME_DIR", long)
	w.examine("devbox").fails(1, map[string]string{"keeper": `too long a name`})
}
