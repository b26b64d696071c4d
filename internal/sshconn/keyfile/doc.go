// Package keyfile reads private key files in every format that ssh-keygen
// writes: OpenSSH's own (PROTOCOL.key) with each of its ciphers, PEM, and
// PKCS#8, unencrypted or with a passphrase.
//
// golang.org/x/crypto/ssh makes the keys. What it cannot decrypt is decrypted
// here: OpenSSH's format but for two ciphers, and PKCS#8 (RFC 8018, PBES2).
//
//	Parse -> *File --Open(passphrase)--> *Private
//
// A *File holds nothing secret that the file itself does not show.
package keyfile
