package knownhosts

// OnlyOther returns the type of a key, or authority, that is known for the host
// where all that is known is of types that this package cannot parse; else "".
// Kinds are those that ssh has. As in Check, what stands for the port counts first.
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
