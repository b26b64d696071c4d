package transport

import (
	"errors"
	"testing"

	"github.com/mosha-ssh/mosha/internal/child"
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
		{&sshconn.AlgorithmError{What: "cipher"}, true},
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
