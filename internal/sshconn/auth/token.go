package auth

import (
	"errors"
	"io"

	"golang.org/x/crypto/ssh"

	"github.com/mosha-ssh/mosha/internal/sshconn"
	"github.com/mosha-ssh/mosha/internal/text"
)

// errOnToken reports that only the token of a FIDO key can sign, which nobody
// here can talk to but OpenSSH.
var errOnToken = errors.New("the key is on a FIDO token")

// tokenSigner stands for a FIDO key file. It lets the server be asked whether
// it takes the key, and notes it if so.
type tokenSigner struct {
	auth *Login
	id   identity
}

func (s *tokenSigner) PublicKey() ssh.PublicKey { return s.id.public }

func (s *tokenSigner) Sign(rand io.Reader, data []byte) (*ssh.Signature, error) {
	return s.SignWithAlgorithm(rand, data, "")
}

func (s *tokenSigner) SignWithAlgorithm(io.Reader, []byte, string) (*ssh.Signature, error) {
	s.auth.beyond = &sshconn.UnsupportedError{Feature: sshconn.FeatureSecurityKey, Detail: text.Clean(s.id.source)}
	return nil, errOnToken
}
