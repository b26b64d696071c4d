package knownhosts

import (
	"fmt"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"

	"github.com/mosha-ssh/mosha/internal/sshconn/pubkey"
)

// FindInList returns the line of a list of public keys, one a line, that has
// the key, the one that it certifies, or its authority's (authfile.c,
// sshkey_in_file); 0 if there is none. A line that is no key makes the whole
// list invalid, since it may have been meant for this key. A key of one of the
// kinds, which ssh has and this package has not, is another one.
func FindInList(text string, key ssh.PublicKey, kinds []string) (line int, err error) {
	wanted := []ssh.PublicKey{pubkey.Plain(key)}
	if cert, ok := key.(*ssh.Certificate); ok {
		wanted = append(wanted, cert.SignatureKey)
	}
	kinds = append(slices.Clone(kinds), key.Type())
	for raw := range strings.Lines(text) {
		line++
		s, _, _ := strings.Cut(strings.TrimSuffix(raw, "\n"), "\x00")
		s = strings.TrimLeft(s, " \t")
		if s == "" || s[0] == '#' {
			continue
		}
		listed, ok := publicKey(s)
		if !ok {
			listed, ok = otherKey(s, kinds)
		}
		if !ok {
			return 0, fmt.Errorf("line %d is not a public key", line)
		}
		if indexKey(wanted, pubkey.Plain(listed)) >= 0 {
			return line, nil
		}
	}
	return 0, nil
}
