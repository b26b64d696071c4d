package knownhosts

import (
	"encoding/base64"
	"encoding/binary"
	"slices"
)

// otherKind returns the type of a key that cannot be parsed here, if its blob
// says that type and it is one of the given; else "".
func otherKind(s string, kinds []string) string {
	name, encoded, ok := keyFields(s)
	if !ok || !slices.Contains(kinds, name) {
		return ""
	}
	blob, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || len(blob) < 4 || int64(binary.BigEndian.Uint32(blob)) != int64(len(name)) || string(blob[4:min(4+len(name), len(blob))]) != name {
		return ""
	}
	if _, parsed := publicKey(s); parsed {
		return ""
	}
	return name
}

// OnlyOther returns the type of a key, or authority, that is known for the host
// where all that is known is of types that this package cannot parse; else "".
// Kinds are those that ssh has. output is what KnownHostsCommand printed to have
// the algorithms ordered. As in Check, what stands for the port counts first.
func (db *DB) OnlyOther(h Host, output string, kinds []string) string {
	lines := slices.Concat(db.lines, commandDB(ForOrder, output).lines)
	other := onlyOther(lines, h.Name(), kinds)
	if bare, ok := h.portless(); ok && other == "" && len((&DB{lines}).find(h.Name())) == 0 {
		other = onlyOther(lines, bare.Name(), kinds)
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
		if kind := otherKind(l.key, kinds); kind != "" {
			other = kind
		}
	}
	return other
}
