package sshconn

import (
	"io"
	"time"

	"golang.org/x/crypto/ssh"
)

// signPatience is how long the agent may take before a person is told that it
// may be them who is waited for.
const signPatience = 5 * time.Second

// reportingSigner notes why a key could not sign, and lets it take its time: a
// person may have to touch it.
type reportingSigner struct {
	ssh.MultiAlgorithmSigner
	key  *TriedKey
	auth *authenticator
}

func (s *reportingSigner) SignWithAlgorithm(rand io.Reader, data []byte, algorithm string) (*ssh.Signature, error) {
	s.auth.silence.rest()
	defer s.auth.silence.wake()
	if s.key.FromAgent {
		defer s.announce()()
	}
	signature, err := s.MultiAlgorithmSigner.SignWithAlgorithm(rand, data, algorithm)
	if err != nil {
		s.key.Problem = err.Error()
	}
	return signature, err
}

// announce says that a signature may wait for a person: of a key on a FIDO
// token at once, of any other when it takes long. It returns what says that
// the waiting is over.
func (s *reportingSigner) announce() (over func()) {
	public := plainKey(s.PublicKey())
	name := keyTypeName(public) + " " + s.key.Fingerprint
	if token, ok := tokenNames[public.Type()]; ok {
		name = token + " " + s.key.Fingerprint
		s.auth.person.say(Notice{Kind: NoticeTouch, Key: name})
		return func() { s.auth.person.say(Notice{Kind: NoticeSigned, Key: name}) }
	}
	said := make(chan struct{})
	timer := time.AfterFunc(signPatience, func() {
		defer close(said)
		s.auth.person.say(Notice{Kind: NoticeWait, Key: name})
	})
	return func() {
		if !timer.Stop() {
			<-said
			s.auth.person.say(Notice{Kind: NoticeSigned, Key: name})
		}
	}
}
