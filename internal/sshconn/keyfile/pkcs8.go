package keyfile

import (
	"crypto/aes"
	"crypto/des"
	"crypto/pbkdf2"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"hash"

	"golang.org/x/crypto/scrypt"
)

// encryptedInfo is RFC 5958's EncryptedPrivateKeyInfo.
type encryptedInfo struct {
	Algorithm pkix.AlgorithmIdentifier
	Data      []byte
}

// pbes2 are the parameters of RFC 8018, appendix A.4.
type pbes2 struct {
	Derivation pkix.AlgorithmIdentifier
	Cipher     pkix.AlgorithmIdentifier
}

// pbkdf2Params are those of RFC 8018, appendix A.2.
type pbkdf2Params struct {
	Salt       []byte
	Iterations int
	Length     int                      `asn1:"optional"`
	Hash       pkix.AlgorithmIdentifier `asn1:"optional"`
}

// scryptParams are those of RFC 7914, section 7.
type scryptParams struct {
	Salt    []byte
	N, R, P int
	Length  int `asn1:"optional"`
}

// Object identifiers, as text.
const (
	oidPBES2  = "1.2.840.113549.1.5.13"
	oidPBKDF2 = "1.2.840.113549.1.5.12"
	oidScrypt = "1.3.6.1.4.1.11591.4.11"
)

var pkcs8Hashes = map[string]func() hash.Hash{
	"":                    sha1.New, // the default
	"1.2.840.113549.2.7":  sha1.New,
	"1.2.840.113549.2.9":  sha256.New,
	"1.2.840.113549.2.10": sha512.New384,
	"1.2.840.113549.2.11": sha512.New,
}

var pkcs8Ciphers = map[string]scheme{
	"1.2.840.113549.3.7":      {24, des.BlockSize, des.BlockSize, 0, cbc(des.NewTripleDESCipher)},
	"2.16.840.1.101.3.4.1.2":  {16, aes.BlockSize, aes.BlockSize, 0, cbc(aes.NewCipher)},
	"2.16.840.1.101.3.4.1.22": {24, aes.BlockSize, aes.BlockSize, 0, cbc(aes.NewCipher)},
	"2.16.840.1.101.3.4.1.42": {32, aes.BlockSize, aes.BlockSize, 0, cbc(aes.NewCipher)},
}

const (
	maxIterations   = 1 << 24
	maxScryptMemory = 1 << 28 // bytes
)

// openPKCS8 decrypts an encrypted PKCS#8 key. A wrong passphrase shows in the
// padding or in what is no key.
func openPKCS8(der, passphrase []byte) (any, error) {
	var info encryptedInfo
	var params pbes2
	if rest, err := asn1.Unmarshal(der, &info); err != nil || len(rest) > 0 {
		return nil, &FormatError{What: "damaged"}
	}
	if scheme := info.Algorithm.Algorithm.String(); scheme != oidPBES2 {
		return nil, &FormatError{What: "unknown encryption " + scheme, Unknown: true}
	}
	if _, err := asn1.Unmarshal(info.Algorithm.Parameters.FullBytes, &params); err != nil {
		return nil, &FormatError{What: "damaged"}
	}
	c, ok := pkcs8Ciphers[params.Cipher.Algorithm.String()]
	if !ok {
		return nil, &FormatError{What: "unknown cipher " + params.Cipher.Algorithm.String(), Unknown: true}
	}
	iv := params.Cipher.Parameters.Bytes
	if len(iv) != c.iv || len(info.Data) == 0 || len(info.Data)%c.block != 0 {
		return nil, &FormatError{What: "damaged"}
	}
	key, err := params.derive(passphrase, c.key)
	if err != nil {
		return nil, err
	}
	defer clear(key)
	plain, err := c.decrypt(key, iv, info.Data, nil)
	if err != nil {
		return nil, err
	}
	defer clear(plain)
	return parsePadded(plain, c.block)
}

// parsePadded takes the padding off (RFC 8018, section 6.1.1) and reads the key.
func parsePadded(plain []byte, block int) (any, error) {
	padding := int(plain[len(plain)-1])
	if padding < 1 || padding > min(block, len(plain)) {
		return nil, ErrPassphrase
	}
	key, err := x509.ParsePKCS8PrivateKey(plain[:len(plain)-padding])
	if err != nil {
		return nil, ErrPassphrase
	}
	return key, nil
}

// derive makes the cipher's key.
func (p *pbes2) derive(passphrase []byte, length int) ([]byte, error) {
	switch oid := p.Derivation.Algorithm.String(); oid {
	case oidPBKDF2:
		return derivePBKDF2(p.Derivation.Parameters.FullBytes, passphrase, length)
	case oidScrypt:
		return deriveScrypt(p.Derivation.Parameters.FullBytes, passphrase, length)
	default:
		return nil, &FormatError{What: "unknown key derivation " + oid, Unknown: true}
	}
}

func derivePBKDF2(der, passphrase []byte, length int) ([]byte, error) {
	var params pbkdf2Params
	if _, err := asn1.Unmarshal(der, &params); err != nil || params.Iterations < 1 {
		return nil, &FormatError{What: "damaged"}
	}
	if params.Iterations > maxIterations {
		return nil, &FormatError{What: fmt.Sprintf("%d rounds of key derivation are too many", params.Iterations), Unknown: true}
	}
	newHash, ok := pkcs8Hashes[params.Hash.Algorithm.String()]
	if !ok {
		return nil, &FormatError{What: "unknown hash " + params.Hash.Algorithm.String(), Unknown: true}
	}
	return pbkdf2.Key(newHash, string(passphrase), params.Salt, params.Iterations, length)
}

func deriveScrypt(der, passphrase []byte, length int) ([]byte, error) {
	var params scryptParams
	if _, err := asn1.Unmarshal(der, &params); err != nil || params.N < 2 || params.R < 1 || params.P < 1 {
		return nil, &FormatError{What: "damaged"}
	}
	if params.N > maxScryptMemory/128/params.R || params.P > 64 {
		return nil, &FormatError{What: "the key derivation needs too much memory", Unknown: true}
	}
	return scrypt.Key(passphrase, params.Salt, params.N, params.R, params.P, length)
}
