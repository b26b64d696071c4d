package keyfile

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/des"
	"crypto/subtle"

	"golang.org/x/crypto/chacha20"
	"golang.org/x/crypto/poly1305" //nolint:staticcheck // OpenSSH's construction is not that of RFC 8439
)

// scheme is a cipher of OpenSSH's, with its sizes in bytes (cipher.c).
type scheme struct {
	key, iv, block, tag int
	decrypt             func(key, iv, data, tag []byte) ([]byte, error)
}

// ciphers are those of `ssh -Q cipher`, all of which ssh-keygen -Z takes.
var ciphers = map[string]scheme{
	"3des-cbc":                      {24, des.BlockSize, des.BlockSize, 0, cbc(des.NewTripleDESCipher)},
	"aes128-cbc":                    {16, aes.BlockSize, aes.BlockSize, 0, cbc(aes.NewCipher)},
	"aes192-cbc":                    {24, aes.BlockSize, aes.BlockSize, 0, cbc(aes.NewCipher)},
	"aes256-cbc":                    {32, aes.BlockSize, aes.BlockSize, 0, cbc(aes.NewCipher)},
	"aes128-ctr":                    {16, aes.BlockSize, aes.BlockSize, 0, ctr},
	"aes192-ctr":                    {24, aes.BlockSize, aes.BlockSize, 0, ctr},
	"aes256-ctr":                    {32, aes.BlockSize, aes.BlockSize, 0, ctr},
	"aes128-gcm@openssh.com":        {16, 12, aes.BlockSize, 16, gcm},
	"aes256-gcm@openssh.com":        {32, 12, aes.BlockSize, 16, gcm},
	"chacha20-poly1305@openssh.com": {64, 0, 8, 16, chachaPoly},
}

func cbc(newCipher func([]byte) (cipher.Block, error)) func(key, iv, data, tag []byte) ([]byte, error) {
	return func(key, iv, data, _ []byte) ([]byte, error) {
		block, err := newCipher(key)
		if err != nil {
			return nil, err
		}
		plain := make([]byte, len(data))
		cipher.NewCBCDecrypter(block, iv).CryptBlocks(plain, data)
		return plain, nil
	}
}

func ctr(key, iv, data, _ []byte) ([]byte, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	plain := make([]byte, len(data))
	cipher.NewCTR(block, iv).XORKeyStream(plain, data)
	return plain, nil
}

func gcm(key, iv, data, tag []byte) ([]byte, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	sealed := append(append([]byte(nil), data...), tag...)
	plain, err := aead.Open(nil, iv, sealed, nil)
	if err != nil {
		return nil, ErrPassphrase
	}
	return plain, nil
}

// chachaPoly is PROTOCOL.chacha20poly1305 with sequence number 0 and without
// additional data: the first half of the key is that of the data, the first
// block of its stream makes the key of the tag.
func chachaPoly(key, _, data, tag []byte) ([]byte, error) {
	stream, err := chacha20.NewUnauthenticatedCipher(key[:32], make([]byte, chacha20.NonceSize))
	if err != nil {
		return nil, err
	}
	var first [64]byte
	stream.XORKeyStream(first[:], first[:])
	var sum [16]byte
	poly1305.Sum(&sum, data, (*[32]byte)(first[:32]))
	if subtle.ConstantTimeCompare(sum[:], tag) != 1 {
		return nil, ErrPassphrase
	}
	plain := make([]byte, len(data))
	stream.XORKeyStream(plain, data)
	return plain, nil
}
