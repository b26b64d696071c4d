package knownhosts

import (
	"fmt"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"
)

// ListError says that a line of a list of keys is none.
type ListError struct{ Line int }

func (e *ListError) Error() string { return fmt.Sprintf("line %d is not a public key", e.Line) }

// ListHas says whether a list of public keys, one a line, has the key, the one
// that it certifies, or its authority's (authfile.c, sshkey_in_file), and in
// which line. A line that is no key makes the whole list invalid, since it may
// have been meant for this key: *ListError. A key of one of the other kinds,
// which ssh has and this package has not, is another one.
func ListHas(text string, key ssh.PublicKey, others []string) (line int, err error) {
	wanted := []ssh.PublicKey{uncertified(key)}
	if cert, ok := key.(*ssh.Certificate); ok {
		wanted = append(wanted, cert.SignatureKey)
	}
	others = append(slices.Clone(others), key.Type())
	for raw := range strings.Lines(text) {
		line++
		s, _, _ := strings.Cut(strings.TrimSuffix(raw, "\n"), "\x00")
		s = strings.TrimLeft(s, " \t")
		if s == "" || s[0] == '#' {
			continue
		}
		listed, ok := publicKey(s)
		if !ok {
			listed, ok = otherKey(s, others)
		}
		if !ok {
			return 0, &ListError{Line: line}
		}
		if indexKey(wanted, uncertified(listed)) >= 0 {
			return line, nil
		}
	}
	return 0, nil
}
