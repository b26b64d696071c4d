package knownhosts

import (
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"
)

// KeyType returns the type of key (ssh.PublicKey.Type) that an algorithm is used
// with: they differ for RSA.
func KeyType(algorithm string) string {
	switch algorithm {
	case ssh.KeyAlgoRSASHA256, ssh.KeyAlgoRSASHA512:
		return ssh.KeyAlgoRSA
	case ssh.CertAlgoRSASHA256v01, ssh.CertAlgoRSASHA512v01:
		return ssh.CertAlgoRSAv01
	}
	return algorithm
}

const certSuffix = "-cert-v01@openssh.com"

func isCertType(name string) bool { return strings.HasSuffix(name, certSuffix) }

// SignatureAlgorithm returns how an algorithm signs: a certificate's signs as that
// of the key in it.
func SignatureAlgorithm(algorithm string) string {
	base, isCert := strings.CutSuffix(algorithm, certSuffix)
	if isCert && strings.HasPrefix(base, "sk-") {
		return base + "@openssh.com"
	}
	return base
}

// plainType returns the type of the key that an algorithm is used with, without
// certificate.
func plainType(algorithm string) string { return SignatureAlgorithm(KeyType(algorithm)) }

// Algorithms puts those host key algorithms first for which a key of h is
// known, and certificates if an authority is, so that a server that has several
// keys shows the known one (sshconnect2.c, order_hostkeyalgs). It drops none, and
// keeps the order otherwise.
func (db *DB) Algorithms(configured []string, h Host) []string {
	found := db.find(h.Name(), nil)
	if len(configured) == 0 || found.has(plainType(configured[0])) {
		return configured
	}
	authorities := slices.ContainsFunc(found, func(e entry) bool { return e.marker == authority })
	var first, last []string
	for _, name := range configured {
		if found.has(plainType(name)) || isCertType(name) && authorities {
			first = append(first, name)
		} else {
			last = append(last, name)
		}
	}
	return append(first, last...)
}

// has says whether a key of that type is known. As for ssh, the first one counts:
// if it is revoked, there is none.
func (es entries) has(keyType string) bool {
	i := slices.IndexFunc(es, func(e entry) bool { return e.marker == plain && e.key.Type() == keyType })
	return i >= 0 && !es.revoked(es[i].key)
}
