// Package keyfile reads private key files: OpenSSH's own format (PROTOCOL.key),
// PEM and PKCS#8, unencrypted or with a passphrase.
//
// golang.org/x/crypto/ssh decrypts them and makes the keys. Of a file that it
// cannot decrypt Parse reports that before anybody is asked for a passphrase.
//
//	Parse -> *File --Open(passphrase)--> *Private
//
// A *File holds nothing secret that the file itself does not show.
package keyfile
