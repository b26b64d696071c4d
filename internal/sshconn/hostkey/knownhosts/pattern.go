package knownhosts

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"strings"

	"github.com/mosha-ssh/mosha/internal/text"
)

// maxPattern is the length at which ssh's match_pattern_list gives up.
const maxPattern = 1023

// matchHosts reports whether the hosts field of a line is for name, which is in
// lower case. ok is false if the field is a hash that cannot be read.
func matchHosts(hosts, name string) (match, ok bool) {
	if !strings.HasPrefix(hosts, "|") {
		return matchList(hosts, name), true
	}
	salt, ok := hashSalt(hosts)
	return ok && hashName(name, salt) == hosts, ok
}

// matchList is match.c's match_pattern_list: some pattern of the list matches,
// and none that begins with ! does.
func matchList(list, name string) bool {
	matched := false
	for list != "" {
		negated := list[0] == '!'
		if negated {
			list = list[1:]
		}
		var pattern string
		pattern, list, _ = strings.Cut(list, ",")
		if len(pattern) >= maxPattern {
			return false
		}
		if text.Match(lower(pattern), name) {
			if negated {
				return false
			}
			matched = true
		}
	}
	return matched
}

// lower is ssh's lowercase: ASCII only, every other byte stays.
func lower(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

// hashSalt returns the salt of a hashed name, |1|salt|hash in base64.
func hashSalt(hosts string) (salt []byte, ok bool) {
	rest, ok := strings.CutPrefix(hosts, "|1|")
	if !ok {
		return nil, false
	}
	encoded, _, ok := strings.Cut(rest, "|")
	if !ok {
		return nil, false
	}
	salt, err := base64.StdEncoding.DecodeString(encoded)
	return salt, err == nil && len(salt) == sha1.Size
}

// hashName returns the hosts field that hides name (HashKnownHosts).
func hashName(name string, salt []byte) string {
	mac := hmac.New(sha1.New, salt)
	mac.Write([]byte(name))
	encode := base64.StdEncoding.EncodeToString
	return "|1|" + encode(salt) + "|" + encode(mac.Sum(nil))
}
