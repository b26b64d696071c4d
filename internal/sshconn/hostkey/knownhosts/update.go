package knownhosts

import (
	"encoding/base64"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"

	"github.com/mosha-ssh/mosha/internal/sshconn/pubkey"
)

// Why an update does not go on (UpdateHostKeys).
const (
	nothingNew     = "nothing new"
	tooComplex     = "a line for the host has a marker, a wildcard or several names"
	knownElsewhere = "a key is known for another name"
)

// Update is what would bring the user's files in line with the keys that a
// server says it has (PROTOCOL, section 2.5; clientloop.c,
// client_input_hostkeys).
type Update struct {
	New []ssh.PublicKey // not known for the host: the server has to prove that it has them
	Old []ssh.PublicKey // known for the host, and no longer the server's
	// Skip says why nothing may be changed; "" if it may.
	Skip string

	offered []ssh.PublicKey
}

// PlanUpdate compares the keys that a server offers, which are plain and differ
// from one another, with the user's files.
func PlanUpdate(files []string, h Host, offered []ssh.PublicKey) Update {
	p := planner{host: h, known: make([]bool, len(offered)), Update: Update{offered: offered}, blobs: blobsOf(offered)}
	lines := Read(files, nil).lines
	for _, l := range lines {
		p.see(l)
	}
	for i, key := range offered {
		if !p.known[i] {
			p.New = append(p.New, key)
		}
	}
	switch {
	case len(p.New) == 0 && len(p.Old) == 0:
		p.Skip = nothingNew
	case p.complex:
		p.Skip = tooComplex
	case p.elsewhere || p.hasOldElsewhere(lines):
		p.Skip = knownElsewhere
	}
	return p.Update
}

// planner is clientloop.c's hostkeys_find and hostkeys_check_old.
type planner struct {
	Update
	host      Host
	blobs     blobs  // of the offered keys
	known     []bool // of the offered keys: for the host
	complex   bool
	elsewhere bool
}

func (p *planner) see(l line) {
	named, readable := matchHosts(l.hosts, p.host.Name())
	if !named {
		p.elsewhere = p.elsewhere || readable && l.hasOneOf(p.blobs)
		return
	}
	key, ok := l.publicKey()
	if !ok {
		return
	}
	offered := indexKey(p.offered, key)
	switch {
	case l.marker != plain, strings.Count(l.hosts, ",") > 1, strings.ContainsAny(l.hosts, "*?"):
		p.complex = true
	case offered >= 0:
		p.known[offered] = true
	default:
		p.Old = append(p.Old, key)
	}
}

// hasOldElsewhere reports whether one of the keys that would go is known under
// another name.
func (p *planner) hasOldElsewhere(lines []line) bool {
	if len(p.Old) == 0 {
		return false
	}
	old := blobsOf(p.Old)
	return slices.ContainsFunc(lines, func(l line) bool {
		named, readable := matchHosts(l.hosts, p.host.Name())
		return readable && !named && l.hasOneOf(old)
	})
}

// blobs are keys as they are in files, decoded.
type blobs map[string]bool

func blobsOf(keys []ssh.PublicKey) blobs {
	all := blobs{}
	for _, key := range keys {
		all[string(key.Marshal())] = true
	}
	return all
}

// hasOneOf reports whether the line's key is one of these. Of the thousands of
// lines for other hosts no key is parsed for that.
func (l line) hasOneOf(keys blobs) bool {
	_, encoded, ok := keyFields(l.key)
	if !ok {
		return false
	}
	blob, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || !keys[string(blob)] {
		return false
	}
	_, ok = l.publicKey()
	return ok
}

func indexKey(keys []ssh.PublicKey, key ssh.PublicKey) int {
	return slices.IndexFunc(keys, func(k ssh.PublicKey) bool { return pubkey.Same(k, key) })
}
