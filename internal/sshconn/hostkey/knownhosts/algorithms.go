package knownhosts

import (
	"slices"
	"strings"

	"github.com/mosha-ssh/mosha/internal/sshconn/pubkey"
)

// OnlyOther returns the type of a key, or authority, that is known for the host
// where all that is known is of types that this package cannot parse; else "".
// Kinds are those that ssh has. As in Check, what stands for the port counts
// first.
func (db *DB) OnlyOther(h Host, kinds []string) string {
	other := onlyOther(db.lines, h.Name(), kinds)
	if bare, ok := h.portless(); ok && other == "" && len(db.find(h.Name(), nil)) == 0 {
		other = onlyOther(db.lines, bare.Name(), kinds)
	}
	return other
}

func onlyOther(lines []line, name string, kinds []string) (other string) {
	for _, l := range lines {
		if match, _ := matchHosts(l.hosts, name); !match || l.marker == revoked {
			continue
		}
		if _, ok := l.publicKey(); ok {
			return ""
		}
		if key, ok := otherKey(l.key, kinds); ok {
			other = key.Type()
		}
	}
	return other
}

// Algorithms puts those host key algorithms first for which a key of h is
// known, and certificates if an authority is, so that a server that has several
// keys shows the known one (sshconnect2.c, order_hostkeyalgs). It drops none, and
// keeps the order otherwise.
func (db *DB) Algorithms(configured []string, h Host) []string {
	found := db.find(h.Name(), nil)
	if len(configured) == 0 || found.has(plainType(configured[0])) {
		return configured
	}
	authorities := slices.ContainsFunc(found, func(e entry) bool { return e.marker == authority })
	var first, last []string
	for _, name := range configured {
		if found.has(plainType(name)) || strings.HasSuffix(name, "-cert-v01@openssh.com") && authorities {
			first = append(first, name)
		} else {
			last = append(last, name)
		}
	}
	return append(first, last...)
}

// plainType returns the type of the key that an algorithm is used with, without
// certificate.
func plainType(algorithm string) string { return pubkey.SignatureAlgorithm(pubkey.TypeOf(algorithm)) }

// has reports whether a key of that type is known. As for ssh, the first one
// counts: if it is revoked, there is none.
func (es entries) has(keyType string) bool {
	i := slices.IndexFunc(es, func(e entry) bool { return e.marker == plain && e.key.Type() == keyType })
	return i >= 0 && !es.revoked(es[i].key)
}
