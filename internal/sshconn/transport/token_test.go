//go:build linux

package transport

import (
	"errors"
	"os"
	"testing"

	"github.com/mosha-ssh/mosha/internal/lab"
	"github.com/mosha-ssh/mosha/internal/lab/labtest"
	"github.com/mosha-ssh/mosha/internal/sshconn"
	"github.com/mosha-ssh/mosha/internal/sshconn/native"
)

// dummyProvider is OpenSSH's own FIDO token in software, of the package
// openssh-tests.
const dummyProvider = "/usr/lib/openssh/regress/misc/sk-dummy/sk-dummy.so"

// newTokenKey makes a key on the token in software.
func (s *site) newTokenKey(name, keyType string) string {
	s.t.Helper()
	if _, err := os.Stat(dummyProvider); err != nil {
		s.t.Fatalf("the package openssh-tests is missing: %v", err)
	}
	return s.newKey(name, keyType, "-w", dummyProvider)
}

// TestTokenFile: a FIDO key file is what OpenSSH is needed for, once the server
// would take it, and not before.
func TestTokenFile(t *testing.T) {
	for _, keyType := range []string{"ed25519-sk", "ecdsa-sk"} {
		t.Run(keyType, func(t *testing.T) {
			s := newSite(t, lab.SshdConfig{})
			s.key = s.newTokenKey("token", keyType)
			_, err := s.dial(s.config())
			if denied := (*sshconn.AuthError)(nil); !errors.As(err, &denied) || len(denied.Tried) != 1 {
				t.Errorf("a token's key that the server refuses: %v", err)
			}
			s.authorize(s.key)
			_, err = s.dial(s.config())
			var unsupported *sshconn.UnsupportedError
			if !errors.As(err, &unsupported) || *unsupported != (sshconn.UnsupportedError{Feature: sshconn.FeatureSecurityKey, Detail: s.key}) {
				t.Errorf("a token's key that the server takes: %v", err)
			}
			labtest.AsJSON(t, err)
			cfg := s.config("IdentityFile " + s.key)
			opts := options(cfg)
			opts.Alone = true
			_, err = native.Dial(t.Context(), cfg, opts)
			if denied := (*sshconn.AuthError)(nil); !errors.As(err, &denied) || denied.Tried[0].Problem != "the key is on a FIDO token" {
				t.Errorf("without OpenSSH: %v", err)
			}
		})
	}
}

// TestTokenFileByOpenSSH: OpenSSH takes over where a FIDO key file is needed.
func TestTokenFileByOpenSSH(t *testing.T) {
	s := newSite(t, lab.SshdConfig{})
	s.key = s.newTokenKey("token", "ed25519-sk")
	s.authorize(s.key)
	cfg := s.config("SecurityKeyProvider " + dummyProvider)
	conn, err := Open(t.Context(), cfg, over(t, cfg, sshconn.TransportAuto))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if choice := conn.Facts().Choice; choice.Transport != sshconn.TransportOpenSSH || choice.Reason == "" {
		t.Errorf("%+v", choice)
	}
}

func TestPKCS11Provider(t *testing.T) {
	s := newSite(t, lab.SshdConfig{})
	cfg := s.config("PKCS11Provider /lib/token.so")
	_, err := s.dial(cfg)
	var unsupported *sshconn.UnsupportedError
	if !errors.As(err, &unsupported) || *unsupported != (sshconn.UnsupportedError{Feature: sshconn.FeaturePKCS11, Detail: "/lib/token.so"}) {
		t.Errorf("%v", err)
	}
	opts := options(cfg)
	opts.Alone = true
	conn, err := native.Dial(t.Context(), cfg, opts)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	works(t, conn)
}
