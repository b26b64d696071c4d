package knownhosts

import (
	"encoding/base64"
	"slices"

	"golang.org/x/crypto/ssh"

	"github.com/mosha-ssh/mosha/internal/sshconn/pubkey"
)

// anyKey is publicKey for keys of which nothing but the bytes is known, too.
func anyKey(s string) (ssh.PublicKey, bool) {
	name, encoded, ok := keyFields(s)
	if !ok {
		return nil, false
	}
	blob, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return nil, false
	}
	key, err := pubkey.Parse(blob)
	if err != nil || pubkey.TypeOf(name) != key.Type() {
		return nil, false
	}
	return key, true
}

// otherKey returns a *pubkey.Opaque, if ssh has its kind: one of those given, or
// RSA.
func otherKey(s string, kinds []string) (ssh.PublicKey, bool) {
	key, _ := anyKey(s)
	opaque, ok := key.(*pubkey.Opaque)
	if !ok || opaque.Bits == 0 && !slices.Contains(kinds, opaque.Type()) {
		return nil, false
	}
	return opaque, true
}
