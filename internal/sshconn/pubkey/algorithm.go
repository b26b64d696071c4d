package pubkey

import (
	"strings"

	"golang.org/x/crypto/ssh"
)

// TypeOf returns the type of key (ssh.PublicKey.Type) that an algorithm is used
// with: they differ for RSA.
func TypeOf(algorithm string) string {
	switch algorithm {
	case ssh.KeyAlgoRSASHA256, ssh.KeyAlgoRSASHA512:
		return ssh.KeyAlgoRSA
	case ssh.CertAlgoRSASHA256v01, ssh.CertAlgoRSASHA512v01:
		return ssh.CertAlgoRSAv01
	}
	return algorithm
}

const certSuffix = "-cert-v01@openssh.com"

// SignatureAlgorithm returns how an algorithm signs: a certificate's signs as that
// of the key in it.
func SignatureAlgorithm(algorithm string) string {
	base, isCert := strings.CutSuffix(algorithm, certSuffix)
	if isCert && strings.HasPrefix(base, "sk-") {
		return base + "@openssh.com"
	}
	return base
}
