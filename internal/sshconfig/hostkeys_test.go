package sshconfig

import (
	"errors"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

func TestHostKeyOptions(t *testing.T) {
	c := resolve(t, sshWith(t, `
KnownHostsCommand /bin/cat "/a b/%H"
RevokedHostKeys ~/revoked%h
UserKnownHostsFile /a%%h /b%h ~/c
GlobalKnownHostsFile /g%h
UpdateHostKeys ask
VerifyHostKeyDNS ask
NoHostAuthenticationForLocalhost yes
RequiredRSASize 3000
StrictHostKeyChecking off
CheckHostIP yes
`), "h")
	home, revoked := c.tokens()['d'], "%h"
	if out, err := exec.Command("ssh", "-T", "-G", "-o", "RevokedHostKeys=/%h", "h").Output(); err != nil {
		t.Fatal(err)
	} else if strings.Contains(string(out), "\nrevokedhostkeys /h\n") {
		revoked = "h" // ssh expands it from 9.4 on
	}
	for _, test := range []struct{ name, got, want string }{
		{"KnownHostsCommand", c.KnownHostsCommand, `/bin/cat "/a b/%H"`},
		{"RevokedHostKeys", strings.Join(c.RevokedHostKeys, ","), home + "/revoked" + revoked},
		{"UserKnownHostsFile", strings.Join(c.UserKnownHostsFiles, ","), "/a%h,/bh," + home + "/c"},
		{"GlobalKnownHostsFile", strings.Join(c.GlobalKnownHostsFiles, ","), "/g%h"},
		{"UpdateHostKeys", c.UpdateHostKeys, UpdateAsk},
		{"VerifyHostKeyDNS", c.VerifyHostKeyDNS, "ask"},
		{"StrictHostKeyChecking", c.StrictHostKeyChecking, "no"},
	} {
		if test.got != test.want {
			t.Errorf("%s is %q, want %q", test.name, test.got, test.want)
		}
	}
	if !c.NoHostAuthenticationForLocalhost || c.RequiredRSASize != 3000 || !c.CheckHostIP {
		t.Errorf("got %+v", c)
	}
}

func TestHostKeyDefaults(t *testing.T) {
	for _, test := range []struct{ config, want string }{
		{"", UpdateYes},
		{"UserKnownHostsFile /x", UpdateNo},
		{"VerifyHostKeyDNS yes", UpdateNo},
		{"UserKnownHostsFile /x\nUpdateHostKeys yes", UpdateYes},
		{"UpdateHostKeys ask\nRequestTTY no", UpdateAsk}, // there is a terminal all the same
		{"UpdateHostKeys ask\nRequestTTY force", UpdateAsk},
		{"UpdateHostKeys ask\nRemoteCommand x", UpdateNo},
	} {
		c := resolve(t, sshWith(t, test.config), "h")
		if c.UpdateHostKeys != test.want {
			t.Errorf("%q: UpdateHostKeys is %s, want %s", test.config, c.UpdateHostKeys, test.want)
		}
	}
	c := resolve(t, sshWith(t, "UserKnownHostsFile none\nGlobalKnownHostsFile none\nKnownHostsCommand none\nRevokedHostKeys none"), "h")
	if len(c.UserKnownHostsFiles)+len(c.GlobalKnownHostsFiles)+len(c.RevokedHostKeys)+len(c.KnownHostsCommand) != 0 {
		t.Errorf("none is a file: %q %q %q %q", c.UserKnownHostsFiles, c.GlobalKnownHostsFiles, c.RevokedHostKeys, c.KnownHostsCommand)
	}
}

func TestHostKeyOrder(t *testing.T) {
	for _, test := range []struct {
		value string
		fixed bool
	}{
		{"", false},
		{"HostKeyAlgorithms -ssh-ed25519*", false},
		{"HostKeyAlgorithms +ssh-rsa", false},
		{"HostKeyAlgorithms ^rsa-sha2-512", true},
		{"HostKeyAlgorithms rsa-sha2-512,ssh-ed25519", true},
		{"HostKeyAlgorithms ssh-rsa", true},
		{"HostKeyAlgorithms ecdsa-sha2-nistp256", true},
		{"HostKeyAlgorithms ssh-ed25519,rsa-sha2-512", false}, // could be what - leaves
		{"HostKeyAlgorithms +ssh-rsa\nPubkeyAcceptedAlgorithms ssh-ed25519", false},
		{"HostKeyAlgorithms +ssh-rsa\nHostbasedAcceptedAlgorithms ssh-ed25519", false},
	} {
		if c := resolve(t, sshWith(t, test.value), "h"); c.HostKeyAlgorithmsFixed != test.fixed {
			t.Errorf("%q: fixed is %v", test.value, !test.fixed)
		}
	}
}

// TestSplitArgs has what makes argv_split special; internal/sshconn holds the
// arguments that a command is run with against those that ssh gives it.
func TestSplitArgs(t *testing.T) {
	for _, test := range []struct {
		text string
		want []string
	}{
		{"", nil},
		{" \t ", nil},
		{"/a b\tc ", []string{"/a", "b", "c"}},
		{`/a "b c" 'd e' f"g"'h'`, []string{"/a", "b c", "d e", "fgh"}},
		{`/a "" ''`, []string{"/a", "", ""}},
		{`\"a\' b\ c d\\e f\n`, []string{`"a'`, "b c", `d\e`, `f\n`}},
		{`"a\ b\"" '\''`, []string{`a\ b"`, "'"}},
		{`a#b #c`, []string{"a#b", "#c"}},
	} {
		if got, ok := splitArgs(test.text); !ok || !slices.Equal(got, test.want) {
			t.Errorf("%s gave %q, want %q", test.text, got, test.want)
		}
	}
	for _, bad := range []string{`a "b`, `'`, `a 'b" c`} {
		if got, ok := splitArgs(bad); ok {
			t.Errorf("%s gave %q", bad, got)
		}
	}
}

func TestKnownHostsArgs(t *testing.T) {
	about := HostKeyTokens{Invocation: "HOSTNAME", Name: "[h]:2", KeyType: "ssh-ed25519", Fingerprint: "SHA256:x", Key: "AAAA%h"}
	env := func(name string) (string, bool) { return "v %p", name == "SET" }
	for _, test := range []struct{ command, want string }{
		{"/x%h %I %H %t %f %K", "/x%h|HOSTNAME|[h]:2|ssh-ed25519|SHA256:x|AAAA%h"},
		{"/x '%h:%p %%' ${SET}", "/x|real:22 %|v %p"},
		{"/x $SET $ {SET}", "/x|$SET|$|{SET}"},
	} {
		c := &Config{KnownHostsCommand: test.command, HostName: "real", Port: 22}
		got, err := c.KnownHostsArgs(about, env)
		if err != nil || strings.Join(got, "|") != test.want {
			t.Errorf("%s gave %q, %v", test.command, got, err)
		}
	}
	for _, bad := range []string{"", "x", "./x", `/x "a`, "%h", "~/x"} {
		_, err := (&Config{KnownHostsCommand: bad}).KnownHostsArgs(about, env)
		if command := (*CommandError)(nil); !errors.As(err, &command) {
			t.Errorf("%q gave %v", bad, err)
		}
	}
	for _, bad := range []string{"/x %Z", "/x %"} {
		_, err := (&Config{KnownHostsCommand: bad}).KnownHostsArgs(about, env)
		if unknown := (*TokenError)(nil); !errors.As(err, &unknown) {
			t.Errorf("%q gave %v", bad, err)
		}
	}
	for _, bad := range []string{"/x ${UNSET}", "/x ${", "/x ${}"} {
		_, err := (&Config{KnownHostsCommand: bad}).KnownHostsArgs(about, env)
		if unset := (*EnvError)(nil); !errors.As(err, &unset) {
			t.Errorf("%q gave %v", bad, err)
		}
	}
}

// TestConnectionHash lets ssh say what %C is.
func TestConnectionHash(t *testing.T) {
	ssh := sshWith(t, "Port 2222\nControlPath /mine\nKnownHostsCommand /x %C")
	out, err := exec.Command(ssh[0], append(ssh[1:], "-o", "IdentityAgent=%C", "-G", "me@h")...).Output()
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(out), "\nidentityagent ")
	want, _, _ := strings.Cut(rest, "\n")
	args, err := resolve(t, ssh, "me@h").KnownHostsArgs(HostKeyTokens{}, nil)
	if err != nil || len(want) != 40 || args[1] != want {
		t.Errorf("%%C is %q, %v, ssh says %q", args, err, want)
	}
	if c := resolve(t, sshWith(t, ""), "h"); c.ConnectionHash != "" {
		t.Errorf("asked for %q, which nothing needs", c.ConnectionHash)
	}
}

func FuzzKnownHostsArgs(f *testing.F) {
	f.Add(`/x "%H" '${A}' \' %K`)
	f.Add("/x ${}%")
	f.Fuzz(func(t *testing.T, command string) {
		args, err := (&Config{KnownHostsCommand: command}).KnownHostsArgs(HostKeyTokens{}, func(string) (string, bool) { return "", true })
		if err == nil && (len(args) == 0 || args[0] == "" || args[0][0] != '/') {
			t.Errorf("runs %q", args)
		}
	})
}
