package keyfile

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/ssh"
)

// ErrPassphrase says that the passphrase is not the file's.
var ErrPassphrase = errors.New("wrong passphrase")

// FormatError says that a file cannot be read, whatever the passphrase.
type FormatError struct {
	What    string // what is wrong with it, or unknown here
	Unknown bool   // it is of a kind that is not known here, but may be to others
}

func (e *FormatError) Error() string { return e.What }

// File is a private key file, still locked if it is encrypted.
type File struct {
	Public    ssh.PublicKey // nil if only the private part has it
	Encrypted bool

	block *pem.Block
	outer *envelope // nil unless it is OpenSSH's own format
}

// Private is a private key.
type Private struct {
	Key     any        // as golang.org/x/crypto/ssh/agent's AddedKey takes it
	Signer  ssh.Signer // that signs with it
	Comment string     // "" if the format has none
}

// Parse reads the text of a private key file. Errors are *FormatError.
func Parse(text []byte) (*File, error) {
	block := find(text)
	if block == nil {
		return nil, &FormatError{What: "no private key in it"}
	}
	switch {
	case block.Type == opensshType:
		return parseOpenSSH(block)
	case block.Type == pkcs8EncryptedType:
		return &File{Encrypted: true, block: block}, nil
	case strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED"): // RFC 1421, section 4.6.1.1
		return &File{Encrypted: true, block: block}, nil
	}
	f := &File{block: block}
	private, err := f.Open(nil)
	if err != nil {
		return nil, err
	}
	f.Public = private.Signer.PublicKey()
	return f, nil
}

// Types of PEM blocks.
const (
	opensshType        = "OPENSSH PRIVATE KEY"
	pkcs8EncryptedType = "ENCRYPTED PRIVATE KEY"
	pkcs8Type          = "PRIVATE KEY"
)

// find returns the first block with a private key: others, such as an elliptic
// curve's parameters, may stand before it.
func find(text []byte) *pem.Block {
	for {
		block, rest := pem.Decode(text)
		if block == nil || strings.HasSuffix(block.Type, pkcs8Type) {
			return block
		}
		text = rest
	}
}

// Open returns the private key. The passphrase is not looked at if the file is
// not encrypted. Errors are ErrPassphrase, after which another one may be
// tried, and *FormatError.
func (f *File) Open(passphrase []byte) (*Private, error) {
	var key any
	var err error
	comment := ""
	switch {
	case f.outer != nil:
		key, comment, err = f.outer.open(passphrase)
	case f.block.Type == pkcs8EncryptedType:
		key, err = openPKCS8(f.block.Bytes, passphrase)
	case f.Encrypted:
		key, err = openPEM(f.block, passphrase)
	default:
		key, err = ssh.ParseRawPrivateKey(pem.EncodeToMemory(f.block))
	}
	if err != nil {
		return nil, explain(err)
	}
	signer, err := ssh.NewSignerFromKey(key)
	if err != nil {
		return nil, explain(err)
	}
	if f.Public != nil && !bytes.Equal(f.Public.Marshal(), signer.PublicKey().Marshal()) {
		return nil, &FormatError{What: "its private key does not belong to its public key"}
	}
	return &Private{Key: key, Signer: signer, Comment: comment}, nil
}

// openPEM decrypts the traditional PEM format. It has nothing to tell a wrong
// passphrase by but the padding and the form of the key.
func openPEM(block *pem.Block, passphrase []byte) (any, error) {
	key, err := ssh.ParseRawPrivateKeyWithPassphrase(pem.EncodeToMemory(block), passphrase)
	switch {
	case err == nil:
		return key, nil
	case strings.Contains(err.Error(), "unknown encryption mode"):
		return nil, &FormatError{What: fmt.Sprintf("unknown cipher %q", block.Headers["DEK-Info"]), Unknown: true}
	}
	return nil, ErrPassphrase
}

// explain keeps to the errors that Open promises.
func explain(err error) error {
	var format *FormatError
	switch {
	case errors.Is(err, ErrPassphrase), errors.As(err, &format):
		return err
	case errors.Is(err, x509.IncorrectPasswordError):
		return ErrPassphrase
	}
	return &FormatError{What: strings.TrimPrefix(err.Error(), "ssh: ")}
}
