package pubkey

import (
	"errors"
	"math/big"

	"golang.org/x/crypto/ssh"
)

// Parse reads a public key as it is on the wire (RFC 4253, section 6.6). One
// that x/crypto cannot read, but OpenSSH may, is told from others by its bytes
// alone: a key of a type that is unknown there, or an RSA key with an exponent
// that is too large for it.
func Parse(blob []byte) (ssh.PublicKey, error) {
	key, err := ssh.ParsePublicKey(blob)
	if err == nil {
		return key, nil
	}
	var head struct {
		Type string
		Rest []byte `ssh:"rest"`
	}
	if ssh.Unmarshal(blob, &head) != nil || len(head.Rest) == 0 {
		return nil, err
	}
	opaque := &Opaque{name: head.Type, blob: blob}
	if head.Type == ssh.KeyAlgoRSA {
		var numbers struct{ E, N *big.Int }
		if ssh.Unmarshal(head.Rest, &numbers) != nil || numbers.E.BitLen() <= maxExponent {
			return nil, err
		}
		opaque.Bits = numbers.N.BitLen()
	} else if readable[head.Type] {
		return nil, err
	}
	return opaque, nil
}

// maxExponent is the size in bits that x/crypto takes of an RSA key's exponent.
const maxExponent = 24

// readable are the types that x/crypto knows: what it does not take of those,
// OpenSSH does not take either.
var readable = func() map[string]bool {
	types := map[string]bool{
		ssh.KeyAlgoSKED25519: true, ssh.KeyAlgoSKECDSA256: true,
		ssh.CertAlgoSKED25519v01: true, ssh.CertAlgoSKECDSA256v01: true,
	}
	for _, algorithms := range []ssh.Algorithms{ssh.SupportedAlgorithms(), ssh.InsecureAlgorithms()} {
		for _, name := range algorithms.HostKeys {
			types[TypeOf(name)] = true
		}
	}
	return types
}()

// Opaque is a key of which nothing but its bytes is known. It verifies nothing.
type Opaque struct {
	name string
	blob []byte
	// Bits is the size of an RSA key, 0 for others.
	Bits int
}

// Type is that of ssh.PublicKey.
func (k *Opaque) Type() string { return k.name }

// Marshal is that of ssh.PublicKey.
func (k *Opaque) Marshal() []byte { return k.blob }

var errOpaque = errors.New("a key of an unknown kind verifies nothing")

// Verify always returns an error.
func (k *Opaque) Verify([]byte, *ssh.Signature) error { return errOpaque }
