package transport

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/mosha-ssh/mosha/internal/child"
	"github.com/mosha-ssh/mosha/internal/lab/labtest"
	"github.com/mosha-ssh/mosha/internal/sshconfig"
	"github.com/mosha-ssh/mosha/internal/sshconn"
)

// TestBeyondNative: what the configuration alone shows.
func TestBeyondNative(t *testing.T) {
	for _, c := range []struct {
		cfg  sshconfig.Config
		want bool
	}{
		{sshconfig.Config{VerifyHostKeyDNS: "yes"}, true},
		{sshconfig.Config{VerifyHostKeyDNS: "ask"}, false},
		{sshconfig.Config{VerifyHostKeyDNS: "no"}, false},
		{sshconfig.Config{PreferredAuthentications: []string{"gssapi-with-mic", "hostbased"}}, true},
		{sshconfig.Config{PreferredAuthentications: []string{"gssapi-with-mic", "password"}}, false},
		{sshconfig.Config{}, false},
	} {
		if err := beyondNative(&c.cfg, child.Env{}); (err != nil) != c.want {
			t.Errorf("%+v: %v", c.cfg, err)
		}
	}
}

// TestNeedsOpenSSH: a failure is tried again only where OpenSSH has what was
// missing, and never a refusal.
func TestNeedsOpenSSH(t *testing.T) {
	cfg := &sshconfig.Config{KexAlgorithms: []string{"sntrup", "curve"}, MACs: []string{"umac"}, Ciphers: []string{"aes"}, HostKeyAlgorithms: []string{"dss"}}
	for _, c := range []struct {
		err  error
		want bool
	}{
		{&sshconn.UnsupportedError{Feature: sshconn.FeatureSecurityKey}, true},
		{&sshconn.AlgorithmError{What: "cipher", Ours: []string{"aes"}}, true},
		{&sshconn.AlgorithmError{What: "key exchange", Theirs: []string{"other", "sntrup"}}, true},
		{&sshconn.AlgorithmError{What: "key exchange", Theirs: []string{"other"}}, false},
		{&sshconn.AlgorithmError{What: "host key", Theirs: []string{"dss"}}, true},
		{&sshconn.AlgorithmError{What: "server to client MAC", Theirs: []string{"umac"}}, true},
		{&sshconn.AlgorithmError{What: "client to server MAC", Theirs: []string{"md5"}}, false},
		{&sshconn.AlgorithmError{What: "client to server cipher", Theirs: []string{"aes"}}, true},
		{&sshconn.AlgorithmError{What: "client to server compression", Theirs: []string{"zlib@openssh.com"}}, true},
		{&sshconn.AlgorithmError{What: "client to server compression", Theirs: []string{"lzo"}}, false},
		{&sshconn.AlgorithmError{What: "something new", Theirs: []string{"aes"}}, false},
		{&sshconn.ProtocolError{Phase: sshconn.PhaseBanner}, true},
		{&sshconn.ProtocolError{Phase: sshconn.PhaseKex}, true},
		{&sshconn.ProtocolError{Phase: sshconn.PhaseAuth}, true},
		{&sshconn.ProtocolError{Phase: sshconn.PhaseAuth, Begun: true}, false},
		{&sshconn.DisconnectError{Reason: 3}, true},
		{&sshconn.DisconnectError{Reason: 11}, false},
		{&sshconn.HostKeyError{Problem: sshconn.KeyChanged}, false},
		{&sshconn.AuthError{Methods: []string{"publickey", "gssapi-with-mic"}}, false},
		{&sshconn.ConnectError{}, false},
		{&sshconn.TimeoutError{}, false},
		{errors.New("no answer"), false},
	} {
		if err := needsOpenSSH(cfg, c.err); (err != nil) != c.want {
			t.Errorf("%#v: %v", c.err, err)
		}
	}
}

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
		if method := openSSHMethod(&c.cfg, child.Env{}, c.offered); method != nil {
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
		if before, first := beyondNative(&c.cfg, child.Env{}) != nil, delegation(&c.cfg, child.Env{}, c.offered) != nil; before != c.before || first != c.first {
			t.Errorf("%s, %+v, %q: %v, %v", c.klist, c.cfg, c.offered, before, first)
		}
	}
}
