package keyfile

import (
	"crypto/sha512"
	"encoding/binary"
	"fmt"

	"golang.org/x/crypto/blowfish" //nolint:staticcheck // deprecated for new formats; this one is made of it
)

// maxRounds bounds the key derivation, which takes some milliseconds a round
// and cannot be interrupted; x/crypto has the same bound. ssh-keygen's default
// is 16 (24 in newer versions).
const maxRounds = 1 << 11

const (
	bcryptBlock = 32
	bcryptText  = "OxychromaticBlowfishSwatDynamite"
)

// bcryptKey is bcrypt_pbkdf(3) of OpenBSD: PBKDF2 (RFC 8018, section 5.2) with
// a hash that is made from bcrypt, whose output is spread over the key. x/crypto
// has it, but keeps it to itself.
func bcryptKey(passphrase, salt []byte, rounds uint32, length int) ([]byte, error) {
	switch {
	case rounds < 1 || len(salt) == 0:
		return nil, &FormatError{What: "damaged"}
	case rounds > maxRounds:
		return nil, &FormatError{What: fmt.Sprintf("%d rounds of key derivation are too many", rounds), Unknown: true}
	case len(passphrase) == 0:
		return nil, ErrPassphrase
	}
	secret := sha512.Sum512(passphrase)
	defer clear(secret[:])
	blocks := (length + bcryptBlock - 1) / bcryptBlock
	key := make([]byte, blocks*bcryptBlock)
	for block := range blocks {
		out, err := bcryptChain(secret[:], salt, uint32(block+1), rounds)
		if err != nil {
			return nil, err
		}
		for i, b := range out {
			key[i*blocks+block] = b
		}
	}
	return key[:length], nil
}

// bcryptChain is one block of PBKDF2.
func bcryptChain(secret, salt []byte, number, rounds uint32) (out [bcryptBlock]byte, err error) {
	last := sha512.Sum512(binary.BigEndian.AppendUint32(append([]byte(nil), salt...), number))
	for range rounds {
		hash, err := bcryptHash(secret, last[:])
		if err != nil {
			return out, err
		}
		for i := range out {
			out[i] ^= hash[i]
		}
		last = sha512.Sum512(hash[:])
	}
	return out, nil
}

// bcryptHash is bcrypt with 2^6 expansions and a text of 32 bytes.
func bcryptHash(secret, salt []byte) (out [bcryptBlock]byte, err error) {
	c, err := blowfish.NewSaltedCipher(secret, salt)
	if err != nil {
		return out, err
	}
	for range 64 {
		blowfish.ExpandKey(salt, c)
		blowfish.ExpandKey(secret, c)
	}
	copy(out[:], bcryptText)
	for i := 0; i < bcryptBlock; i += blowfish.BlockSize {
		for range 64 {
			c.Encrypt(out[i:i+blowfish.BlockSize], out[i:i+blowfish.BlockSize])
		}
	}
	for i := 0; i < bcryptBlock; i += 4 { // little endian words
		binary.LittleEndian.PutUint32(out[i:], binary.BigEndian.Uint32(out[i:]))
	}
	return out, nil
}
