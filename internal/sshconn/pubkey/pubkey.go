// Package pubkey is what ssh makes of public keys, of hosts and of users alike:
// their kinds, how they are named to a person, and their size.
package pubkey

import (
	"bytes"
	"cmp"
	"crypto"
	_ "crypto/md5" // FingerprintHash
	"crypto/rsa"
	_ "crypto/sha1"
	_ "crypto/sha512"
	"encoding/base64"
	"fmt"
	"strings"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// Plain returns the key that a certificate certifies, or key itself.
func Plain(key ssh.PublicKey) ssh.PublicKey {
	if offered, ok := key.(*agent.Key); ok {
		key = OfAgent(offered)
	}
	if cert, ok := key.(*ssh.Certificate); ok {
		return cert.Key
	}
	return key
}

// OfAgent returns an agent's key as x/crypto's own type, which shows certificates
// as such; a key of a kind that x/crypto does not know stays as it is.
func OfAgent(key *agent.Key) ssh.PublicKey {
	if public, err := ssh.ParsePublicKey(key.Blob); err == nil {
		return public
	}
	return key
}

// Same reports whether two keys are the same; a nil is like no key.
func Same(a, b ssh.PublicKey) bool {
	return a != nil && b != nil && bytes.Equal(a.Marshal(), b.Marshal())
}

// Name is how ssh names a key's type to people.
func Name(key ssh.PublicKey) string {
	switch key.Type() {
	case ssh.KeyAlgoED25519:
		return "ED25519"
	case ssh.KeyAlgoRSA:
		return "RSA"
	case ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521:
		return "ECDSA"
	case "ssh-dss":
		return "DSA"
	}
	return cmp.Or(tokenNames[key.Type()], key.Type())
}

// tokenNames are how ssh names the types of FIDO keys to people.
var tokenNames = map[string]string{ssh.KeyAlgoSKED25519: "ED25519-SK", ssh.KeyAlgoSKECDSA256: "ECDSA-SK"}

// OnToken reports whether a key is on a FIDO token: a file of its type holds
// nothing but its handle.
func OnToken(key ssh.PublicKey) bool { return tokenNames[key.Type()] != "" }

// Fingerprint names a key to a person, in the hash of FingerprintHash, as ssh
// writes it (sshkey.c, sshkey_fingerprint): a certificate by the key that it
// certifies. A hash that is not known here is taken for SHA256.
func Fingerprint(hashName string, key ssh.PublicKey) string {
	name, hash := strings.ToUpper(hashName), crypto.SHA256
	switch name {
	case "MD5":
		hash = crypto.MD5
	case "SHA1":
		hash = crypto.SHA1
	case "SHA384":
		hash = crypto.SHA384
	case "SHA512":
		hash = crypto.SHA512
	default:
		name = "SHA256"
	}
	h := hash.New()
	h.Write(Plain(key).Marshal())
	digest := h.Sum(nil)
	if name == "MD5" {
		return name + ":" + strings.ReplaceAll(fmt.Sprintf("% x", digest), " ", ":")
	}
	return name + ":" + base64.RawStdEncoding.EncodeToString(digest)
}

// minRSASize is what OpenSSH asks of every RSA key, in bits.
const minRSASize = 1024

// LongEnough reports whether a key, or the one that a certificate certifies, is
// no RSA key shorter than RequiredRSASize.
func LongEnough(key ssh.PublicKey, required int) bool {
	bits := rsaBits(Plain(key))
	return bits == 0 || bits >= max(required, minRSASize)
}

// rsaBits is the size of an RSA key, 0 of any other.
func rsaBits(key ssh.PublicKey) int {
	switch key := key.(type) {
	case *Opaque:
		return key.Bits
	case ssh.CryptoPublicKey:
		if number, ok := key.CryptoPublicKey().(*rsa.PublicKey); ok {
			return number.N.BitLen()
		}
	}
	return 0
}

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

// SignatureAlgorithm returns how an algorithm signs: a certificate's signs as
// that of the key in it.
func SignatureAlgorithm(algorithm string) string {
	base, isCert := strings.CutSuffix(algorithm, certSuffix)
	if isCert && strings.HasPrefix(base, "sk-") {
		return base + "@openssh.com"
	}
	return base
}
