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

// ErrPassphrase reports that the passphrase is not the file's.
var ErrPassphrase = errors.New("wrong passphrase")

// FormatError reports that a file cannot be read, whatever the passphrase.
type FormatError struct {
	What    string // what is wrong with it, or unknown here
	Unknown bool   // it is of a kind that is not known here, but may be to others
}

func (e *FormatError) Error() string { return e.What }

// File is a private key file, still locked if it is encrypted.
type File struct {
	Public    ssh.PublicKey // nil if only the private part has it
	Encrypted bool
	Beyond    error // a *FormatError where Open fails whatever the passphrase, else nil

	block *pem.Block
}

// Private is a private key.
type Private struct {
	Key    any        // as golang.org/x/crypto/ssh/agent's AddedKey takes it
	Signer ssh.Signer // that signs with it
}

// Parse reads the text of a private key file. Errors are *FormatError.
func Parse(text []byte) (*File, error) {
	block := find(text)
	if block == nil {
		return nil, &FormatError{What: "no private key in it"}
	}
	f := &File{block: block}
	switch {
	case block.Type == opensshType:
		return parseOpenSSH(block)
	case block.Type == pkcs8EncryptedType:
		f.Encrypted, f.Beyond = true, &FormatError{What: "encrypted PKCS#8", Unknown: true}
		return f, nil
	case strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED"): // RFC 1421, section 4.6.1.1
		f.Encrypted = true
		if _, err := f.Open([]byte("?")); !errors.Is(err, ErrPassphrase) {
			f.Beyond = err // nil if it was right
		}
		return f, nil
	}
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
	if f.Beyond != nil {
		return nil, f.Beyond
	}
	text := pem.EncodeToMemory(f.block)
	defer clear(text)
	var key any
	var err error
	switch {
	case !f.Encrypted:
		key, err = ssh.ParseRawPrivateKey(text)
	case len(passphrase) == 0:
		return nil, ErrPassphrase
	default:
		key, err = ssh.ParseRawPrivateKeyWithPassphrase(text, passphrase)
	}
	if err != nil {
		return nil, f.explain(err)
	}
	signer, err := ssh.NewSignerFromKey(key)
	if err != nil {
		return nil, f.explain(err)
	}
	if f.Public != nil && !bytes.Equal(f.Public.Marshal(), signer.PublicKey().Marshal()) {
		return nil, &FormatError{What: "its private key does not belong to its public key"}
	}
	return &Private{Key: key, Signer: signer}, nil
}

// explain keeps to the errors that Open promises. PEM has nothing to tell a wrong
// passphrase by but the padding and the form of the key.
func (f *File) explain(err error) error {
	isPEM := f.Encrypted && f.block.Type != opensshType
	switch {
	case errors.Is(err, x509.IncorrectPasswordError):
		return ErrPassphrase
	case isPEM && strings.Contains(err.Error(), "unknown encryption mode"):
		return &FormatError{What: fmt.Sprintf("unknown cipher %q", f.block.Headers["DEK-Info"]), Unknown: true}
	case isPEM:
		return ErrPassphrase
	}
	return &FormatError{What: strings.TrimPrefix(err.Error(), "ssh: ")}
}
