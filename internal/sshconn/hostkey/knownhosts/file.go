package knownhosts

import (
	"encoding/base64"
	"io"
	"os"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"

	"github.com/mosha-ssh/mosha/internal/sshconn/pubkey"
)

// maxFile bounds what is read of one file: 16 MB are a hundred thousand hosts.
const maxFile = 16 << 20

// A marker stands at the beginning of a line.
type marker int

const (
	plain     marker = iota
	authority        // @cert-authority
	revoked          // @revoked
)

// line is a line of a known_hosts file that could be read up to the key, which
// is parsed only when the line's hosts match.
type line struct {
	file   string
	number int  // from 1
	global bool // of GlobalKnownHostsFile, also if it is in both
	marker marker
	hosts  string
	key    string // "type base64 comment", not yet looked at
}

// DB holds the lines of all known_hosts files of a destination, in the order
// in which ssh reads them. It is immutable.
type DB struct {
	lines []line
}

// Read reads the files, the user's before the global ones. A file that is
// missing or unreadable counts as empty, as it does for ssh, and so do lines that
// cannot be parsed; beyond 16 MB a file is not read.
func Read(user, global []string) *DB {
	db := &DB{}
	for _, file := range slices.Concat(user, global) {
		db.lines = append(db.lines, parse(file, slices.Contains(global, file), contents(file))...)
	}
	return db
}

func contents(file string) string {
	f, err := os.Open(file)
	if err != nil {
		return ""
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxFile))
	if err != nil {
		return ""
	}
	return string(b)
}

// parse is hostfile.c's hostkeys_foreach_file.
func parse(file string, global bool, text string) []line {
	var lines []line
	number := 0
	for raw := range strings.Lines(text) {
		number++
		if l, ok := parseLine(raw); ok {
			l.file, l.number, l.global = file, number, global
			lines = append(lines, l)
		}
	}
	return lines
}

func parseLine(s string) (line, bool) {
	s = strings.TrimSuffix(s, "\n")
	s, _, _ = strings.Cut(s, "\x00") // C's end of string
	s = strings.TrimLeft(s, " \t")
	if s == "" || s[0] == '#' {
		return line{}, false
	}
	mark, s, ok := parseMarker(s)
	if !ok {
		return line{}, false
	}
	end := strings.IndexAny(s, " \t")
	if end < 0 {
		return line{}, false
	}
	key := strings.TrimLeft(s[end:], " \t")
	if key == "" || key[0] == '#' {
		return line{}, false
	}
	return line{marker: mark, hosts: s[:end], key: key}, true
}

// parseMarker is hostfile.c's check_markers, which ends a marker at the first
// space of the line, and at a tab only if there is no space.
func parseMarker(s string) (marker, string, bool) {
	if !strings.HasPrefix(s, "@") {
		return plain, s, true
	}
	end := strings.IndexByte(s, ' ')
	if end < 0 {
		end = strings.IndexByte(s, '\t')
	}
	if end < 0 {
		return 0, "", false
	}
	rest := strings.TrimLeft(s[end:], " \t")
	if strings.HasPrefix(rest, "@") {
		return 0, "", false
	}
	switch s[:end] {
	case "@cert-authority":
		return authority, rest, true
	case "@revoked":
		return revoked, rest, true
	}
	return 0, "", false
}

// publicKey parses the line's key.
func (l line) publicKey() (ssh.PublicKey, bool) { return publicKey(l.key) }

// publicKey parses "type base64 comment" (sshkey.c, sshkey_read).
func publicKey(s string) (ssh.PublicKey, bool) {
	key, ok := anyKey(s)
	if _, opaque := key.(*pubkey.Opaque); opaque {
		return nil, false
	}
	return key, ok
}

// anyKey is publicKey for keys of which nothing but the bytes is known, too.
func anyKey(s string) (ssh.PublicKey, bool) {
	name, encoded, ok := keyFields(s)
	if !ok {
		return nil, false
	}
	blob, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return nil, false
	}
	key, err := pubkey.Parse(blob)
	if err != nil || pubkey.TypeOf(name) != key.Type() {
		return nil, false
	}
	return key, true
}

// keyFields returns a key's type and its base64 text.
func keyFields(s string) (name, encoded string, ok bool) {
	end := strings.IndexAny(s, " \t")
	if end < 0 {
		return "", "", false
	}
	encoded = strings.TrimLeft(s[end:], " \t")
	if i := strings.IndexAny(encoded, " \t"); i >= 0 {
		encoded = encoded[:i]
	}
	// b64_pton passes over white space: that is the \r of a DOS file here.
	encoded = strings.TrimRight(encoded, "\r\v\f")
	return s[:end], encoded, encoded != ""
}

// otherKey returns a *pubkey.Opaque, if ssh has its kind: one of those given, or
// RSA.
func otherKey(s string, kinds []string) (ssh.PublicKey, bool) {
	key, _ := anyKey(s)
	opaque, ok := key.(*pubkey.Opaque)
	if !ok || opaque.Bits == 0 && !slices.Contains(kinds, opaque.Type()) {
		return nil, false
	}
	return opaque, true
}
