package sshconfig

import (
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

// TestConnectionHash lets ssh say what %C is.
func TestConnectionHash(t *testing.T) {
	ssh := sshWith(t, "Port 2222\nControlPath /mine\nIdentityFile /x%C")
	out, err := exec.Command(ssh[0], append(ssh[1:], "-o", "IdentityAgent=%C", "-G", "me@h")...).Output()
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(out), "\nidentityagent ")
	want, _, _ := strings.Cut(rest, "\n")
	files := resolve(t, ssh, "me@h").IdentityFiles
	if len(want) != 40 || !slices.Equal(files, []string{"/x" + want}) {
		t.Errorf("%%C is %q, ssh says %q", files, want)
	}
	if c := resolve(t, sshWith(t, ""), "h"); c.ConnectionHash != "" {
		t.Errorf("asked for %q, which nothing needs", c.ConnectionHash)
	}
}
