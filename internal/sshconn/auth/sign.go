package auth

import (
	"io"

	"golang.org/x/crypto/ssh"

	"github.com/mosha-ssh/mosha/internal/sshconn"
	"github.com/mosha-ssh/mosha/internal/sshconn/pubkey"
)

// reportingSigner notes why a key could not sign, and lets it take its time: a
// person may have to touch it.
type reportingSigner struct {
	ssh.MultiAlgorithmSigner
	key  *sshconn.TriedKey
	auth *Login
}

func (s *reportingSigner) SignWithAlgorithm(rand io.Reader, data []byte, algorithm string) (*ssh.Signature, error) {
	wake := s.auth.rest()
	defer wake()
	waited := func() {}
	if s.key.FromAgent {
		waited = s.announce()
	}
	signature, err := s.MultiAlgorithmSigner.SignWithAlgorithm(rand, data, algorithm)
	waited()
	if err != nil {
		s.key.Problem = err.Error()
	} else if s.key.FromAgent && pubkey.OnToken(pubkey.Plain(s.PublicKey())) {
		s.auth.person.say(sshconn.Notice{Kind: sshconn.NoticeSigned})
	}
	return signature, err
}

// announce reports that a signature may wait for a person: of a key on a FIDO
// token at once, of any other when it takes long. It returns what ends that.
func (s *reportingSigner) announce() (end func()) {
	public := pubkey.Plain(s.PublicKey())
	name := pubkey.Name(public) + " " + pubkey.Fingerprint(s.auth.cfg.FingerprintHash, public)
	if pubkey.OnToken(public) {
		s.auth.person.say(sshconn.Notice{Kind: sshconn.NoticeTouch, Key: name})
		return func() {}
	}
	return s.auth.person.sayLate(sshconn.Notice{Kind: sshconn.NoticeWait, Key: name})
}
