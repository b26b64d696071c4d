package openssh

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mosha-ssh/mosha/internal/sshconfig"
	"github.com/mosha-ssh/mosha/internal/sshconn/helper"
)

// TestMasterArgs has ssh itself read the command line: ours must override what
// the configuration and the user's options say, and odd characters in paths
// must arrive.
func TestMasterArgs(t *testing.T) {
	config := filepath.Join(t.TempDir(), "config")
	lines := `Host *
 ControlMaster auto
 ControlPath /my/own
 ControlPersist yes
 ForwardAgent no
 LocalForward 1 h:2
 Tunnel yes
 PermitLocalCommand yes
 RemoteCommand date
 ServerAliveInterval 3
 BatchMode yes
 ProxyJump hop
 LogLevel QUIET
 CanonicalizeHostname no
 Compression yes
`
	if err := os.WriteFile(config, []byte(lines), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := &sshconfig.Config{
		Dest: "me@devbox", CanonicalizeHostname: true,
		SSH: []string{"ssh", "-F", config, "-J", "hop", "-S", "/my/own", "-M", "-L", "1:h:3", "-o", "ControlPath=none", "-p", "2222", "-q"},
	}
	args := arguments(cfg, `/run/a "b" c%d\e/ssh1`, passedOn(`/run/a "b" c%d\e/ssh1`), true, false)
	out, err := exec.Command(args[0], slices.Insert(slices.Clone(args[1:]), 0, "-G")...).Output()
	if err != nil {
		t.Fatalf("%q: %v", args, err)
	}
	for _, want := range []string{
		"controlmaster true", `controlpath /run/a "b" c%d\e/ssh1/c`, "controlpersist no", `forwardagent /run/a "b" c%d\e/ssh1/a`,
		"clearallforwardings yes", "permitlocalcommand no", "serveraliveinterval 0", "batchmode no", "proxyusefdpass yes",
		"loglevel DEBUG", "port 2222", "user me", "canonicalizehostname always", "compression yes",
		`proxycommand '/run/a "b" c%%d\e/ssh1/mosha-pass'`,
	} {
		if !slices.Contains(strings.Split(string(out), "\n"), want) {
			t.Errorf("ssh has not understood %q:\n%s", want, out)
		}
	}
	for _, not := range []string{"localforward", "proxyjump"} {
		if strings.Contains(string(out), "\n"+not+" ") {
			t.Errorf("ssh has a %s:\n%s", not, out)
		}
	}
	if at := slices.Index(args, "--"); !slices.Equal(args[at-2:], []string{"-N", "-T", "--", "me@devbox"}) {
		t.Errorf("it ends with %q", args[at-2:])
	}
}

func TestMasterEnv(t *testing.T) {
	dir := helper.Dir("/run/ssh1")
	got := environ([]string{"HOME=/me", "SSH_AUTH_SOCK=/old", "SSH_ASKPASS=/other", "SSH_ASKPASS_REQUIRE=never", "SSH_ASKPASS_PROMPT=none"}, dir, "/agent")
	want := []string{"HOME=/me", "SSH_AUTH_SOCK=/agent", "SSH_ASKPASS=/run/ssh1/mosha-ask"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if got := environ([]string{"SSH_AUTH_SOCK=/old"}, dir, ""); slices.ContainsFunc(got, func(v string) bool { return strings.HasPrefix(v, "SSH_AUTH_SOCK") }) {
		t.Errorf("%q", got)
	}
}

// TestFileList: ssh reads the names of files as they are written, and a % in
// one is part of it.
func TestFileList(t *testing.T) {
	paths := []string{"/a b", "/c%d", `/run/a "b" c\d/k`}
	out, err := exec.Command("ssh", "-F", "none", "-o", "GlobalKnownHostsFile="+fileList(paths), "-G", "h").Output()
	if want := "\nglobalknownhostsfile " + strings.Join(paths, " ") + "\n"; err != nil || !strings.Contains(string(out), want) {
		t.Errorf("%v, no %q in\n%s", err, want, out)
	}
}
