package auth

import (
	"path/filepath"
	"testing"

	"github.com/mosha-ssh/mosha/internal/child"
	"github.com/mosha-ssh/mosha/internal/lab/labtest"
	"github.com/mosha-ssh/mosha/internal/sshconfig"
)

// TestOpenSSHMethod: a method counts if it is offered, configured and of use.
func TestOpenSSHMethod(t *testing.T) {
	all := []string{"publickey", "gssapi-with-mic", "hostbased", "password"}
	for _, c := range []struct {
		klist   string
		cfg     sshconfig.Config
		offered []string
		want    string
	}{
		{"exit 0", sshconfig.Config{GSSAPIAuthentication: true, HostbasedAuthentication: true}, all, "gssapi-with-mic"},
		{"exit 1", sshconfig.Config{GSSAPIAuthentication: true, HostbasedAuthentication: true}, all, "hostbased"},
		{"exit 1", sshconfig.Config{GSSAPIAuthentication: true}, all, ""},
		{"exit 0", sshconfig.Config{GSSAPIAuthentication: true}, []string{"publickey"}, ""},
		{"exit 0", sshconfig.Config{GSSAPIAuthentication: true, PreferredAuthentications: []string{"publickey"}}, all, ""},
		{"exit 0", sshconfig.Config{}, all, ""},
	} {
		ticket(t, c.klist)
		got := ""
		if method := opensshMethod(&c.cfg, child.Env{}, c.offered); method != nil {
			got = method.Detail
		}
		if got != c.want {
			t.Errorf("%s, %+v, %q: %q, want %q", c.klist, c.cfg, c.offered, got, c.want)
		}
	}
}

// ticket has klist say whether there is one.
func ticket(t *testing.T, klist string) {
	t.Helper()
	dir := t.TempDir()
	labtest.Program(t, filepath.Join(dir, "klist"), "#!/bin/sh\n[ \"$*\" = -s ] && "+klist+"\n")
	t.Setenv("PATH", dir)
}

// TestKerberosChoice: OpenSSH is for who has a ticket that ssh would use first.
func TestKerberosChoice(t *testing.T) {
	delegates := sshconfig.Config{GSSAPIAuthentication: true, GSSAPIDelegateCredentials: true}
	keys := delegates
	keys.PreferredAuthentications = []string{"publickey", "gssapi-with-mic"}
	exchange := sshconfig.Config{GSSAPIKeyExchange: true}
	offered := []string{"publickey", "gssapi-with-mic"}
	for _, c := range []struct {
		klist   string
		cfg     sshconfig.Config
		offered []string
		before  bool // it dials
		first   bool // in the login
	}{
		{"exit 0", exchange, offered, true, false},
		{"exit 1", exchange, offered, false, false},
		{"exit 0", delegates, offered, false, true},
		{"exit 1", delegates, offered, false, false},
		{"exit 0", delegates, []string{"publickey"}, false, false},
		{"exit 0", keys, offered, false, false},
		{"exit 0", sshconfig.Config{GSSAPIAuthentication: true}, offered, false, false},
		{"exit 0", sshconfig.Config{GSSAPIDelegateCredentials: true}, offered, false, false},
	} {
		ticket(t, c.klist)
		if before, first := Beyond(&c.cfg, child.Env{}) != nil, delegation(&c.cfg, child.Env{}, c.offered) != nil; before != c.before || first != c.first {
			t.Errorf("%s, %+v, %q: %v, %v", c.klist, c.cfg, c.offered, before, first)
		}
	}
}
