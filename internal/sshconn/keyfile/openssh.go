package keyfile

import (
	"bytes"
	"encoding/pem"
	"fmt"

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

// checked is how a decrypted private part begins: the two numbers are equal if
// the passphrase was right.
type checked struct {
	Check1, Check2 uint32
	Type           string
	Fields         []byte `ssh:"rest"`
}

func parseOpenSSH(block *pem.Block) (*File, error) {
	body, ok := bytes.CutPrefix(block.Bytes, []byte(magic))
	var e envelope
	if !ok || ssh.Unmarshal(body, &e) != nil {
		return nil, &FormatError{What: "damaged"}
	}
	if e.Keys != 1 {
		return nil, &FormatError{What: "more than one key in it"}
	}
	f := &File{Encrypted: e.Cipher != "none", block: block, outer: &e}
	public, err := ssh.ParsePublicKey(e.Public)
	if err != nil {
		return nil, &FormatError{What: "a key of an unknown kind", Unknown: true}
	}
	f.Public = public
	return f, nil
}

// open decrypts the private part and has x/crypto read it as that of a file
// without passphrase.
func (e *envelope) open(passphrase []byte) (key any, comment string, err error) {
	private, err := e.decrypt(passphrase)
	if err != nil {
		return nil, "", err
	}
	defer clear(private)
	var c checked
	if err := ssh.Unmarshal(private, &c); err != nil || c.Check1 != c.Check2 {
		if e.Cipher == "none" {
			return nil, "", &FormatError{What: "damaged"}
		}
		return nil, "", ErrPassphrase
	}
	plain := envelope{Cipher: "none", KDF: "none", Keys: 1, Public: e.Public, Private: private}
	body := append([]byte(magic), ssh.Marshal(plain)...)
	text := pem.EncodeToMemory(&pem.Block{Type: opensshType, Bytes: body})
	defer clear(body)
	defer clear(text)
	key, err = ssh.ParseRawPrivateKey(text)
	return key, c.comment(), err
}

// decrypt returns the private part, which the caller may overwrite.
func (e *envelope) decrypt(passphrase []byte) ([]byte, error) {
	if e.Cipher == "none" {
		return bytes.Clone(e.Private), nil
	}
	c, ok := ciphers[e.Cipher]
	if !ok {
		return nil, &FormatError{What: fmt.Sprintf("unknown cipher %q", e.Cipher), Unknown: true}
	}
	var o options
	if e.KDF != "bcrypt" || ssh.Unmarshal([]byte(e.Options), &o) != nil {
		return nil, &FormatError{What: fmt.Sprintf("unknown key derivation %q", e.KDF), Unknown: true}
	}
	if len(e.Private) == 0 || len(e.Private)%c.block != 0 || len(e.Tag) != c.tag {
		return nil, &FormatError{What: "damaged"}
	}
	material, err := bcryptKey(passphrase, []byte(o.Salt), o.Rounds, c.key+c.iv)
	if err != nil {
		return nil, err
	}
	defer clear(material)
	return c.decrypt(material[:c.key], material[c.key:], e.Private, e.Tag)
}

// privateFields is how many fields a private key has before its comment, all
// of them strings or numbers, which have a length each.
var privateFields = map[string]int{
	ssh.KeyAlgoRSA:      6,
	"ssh-dss":           5,
	ssh.KeyAlgoECDSA256: 3,
	ssh.KeyAlgoECDSA384: 3,
	ssh.KeyAlgoECDSA521: 3,
	ssh.KeyAlgoED25519:  2,
}

// comment returns the key's comment, "" if it cannot be told.
func (c *checked) comment() string {
	rest := c.Fields
	var field struct {
		Value []byte
		Rest  []byte `ssh:"rest"`
	}
	for range privateFields[c.Type] {
		if ssh.Unmarshal(rest, &field) != nil {
			return ""
		}
		rest = field.Rest
	}
	if privateFields[c.Type] == 0 || ssh.Unmarshal(rest, &field) != nil {
		return ""
	}
	return string(field.Value)
}
