package keyfile

import (
	"bytes"
	"encoding/pem"
	"fmt"
	"slices"

	"golang.org/x/crypto/ssh"
)

// magic begins OpenSSH's own format (PROTOCOL.key).
const magic = "openssh-key-v1\x00"

// envelope is what stands around the private part of OpenSSH's own format.
type envelope struct {
	Cipher  string
	KDF     string
	Options string
	Keys    uint32
	Public  []byte
	Private []byte
	Tag     []byte `ssh:"rest"` // of a cipher that authenticates
}

// options are those of the KDF bcrypt.
type options struct {
	Salt   string
	Rounds uint32
}

// What x/crypto decrypts of OpenSSH's format. ssh-keygen's defaults are
// aes256-ctr and 16 rounds, or 24 in newer versions.
var ciphers = []string{"none", "aes256-ctr", "aes256-cbc"}

const maxRounds = 1 << 11

func parseOpenSSH(block *pem.Block) (*File, error) {
	body, ok := bytes.CutPrefix(block.Bytes, []byte(magic))
	var e envelope
	if !ok || ssh.Unmarshal(body, &e) != nil {
		return nil, &FormatError{What: "damaged"}
	}
	if e.Keys != 1 {
		return nil, &FormatError{What: "more than one key in it"}
	}
	public, err := ssh.ParsePublicKey(e.Public)
	if err != nil {
		return nil, &FormatError{What: "a key of an unknown kind", Unknown: true}
	}
	return &File{Public: public, Encrypted: e.Cipher != "none", Beyond: e.beyond(), block: block}, nil
}

// beyond returns why x/crypto cannot decrypt it, nil if it can.
func (e *envelope) beyond() error {
	var o options
	switch {
	case !slices.Contains(ciphers, e.Cipher):
		return &FormatError{What: fmt.Sprintf("unknown cipher %q", e.Cipher), Unknown: true}
	case e.Cipher == "none":
		return nil
	case e.KDF != "bcrypt" || ssh.Unmarshal([]byte(e.Options), &o) != nil:
		return &FormatError{What: fmt.Sprintf("unknown key derivation %q", e.KDF), Unknown: true}
	case o.Rounds > maxRounds:
		return &FormatError{What: fmt.Sprintf("%d rounds of key derivation are too many", o.Rounds), Unknown: true}
	}
	return nil
}
