package knownhosts

import (
	"encoding/base64"
	"slices"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/mosha-ssh/mosha/internal/sshconn/pubkey"
	"github.com/mosha-ssh/mosha/internal/text"
)

// entry is a line that matches the host, with its key.
type entry struct {
	line
	key ssh.PublicKey
}

type entries []entry

// find returns the lines for name, in order; never nil. Kinds are those of ssh:
// a key of one that this package cannot parse counts only if it is among them.
func (db *DB) find(name string, kinds []string) entries {
	found := entries{}
	for _, l := range db.lines {
		if match, _ := matchHosts(l.hosts, name); !match {
			continue
		}
		key, ok := l.publicKey()
		if !ok {
			key, ok = otherKey(l.key, kinds)
		}
		if ok {
			found = append(found, entry{l, key})
		}
	}
	return found
}

func (es entries) revoked(key ssh.PublicKey) bool {
	_, found := es.findRevoked(key)
	return found
}

// findRevoked looks for a revocation of the key, of the key that a certificate
// certifies, or of its authority.
func (es entries) findRevoked(key ssh.PublicKey) (Result, bool) {
	keys := []ssh.PublicKey{key}
	if cert, ok := key.(*ssh.Certificate); ok {
		keys = []ssh.PublicKey{cert.Key, cert.SignatureKey}
	}
	for _, e := range es {
		if e.marker == revoked && slices.ContainsFunc(keys, func(k ssh.PublicKey) bool { return pubkey.Same(pubkey.Plain(e.key), k) }) {
			return e.result(Revoked), true
		}
	}
	return Result{}, false
}

func (e entry) result(s Status) Result {
	return Result{Status: s, Found: Found{File: e.file, Line: e.number, Global: e.global}}
}

// checkCert looks for an authority that vouches for cert.
func (es entries) checkCert(h Host, cert *ssh.Certificate, now time.Time) Result {
	if r, found := es.findRevoked(cert); found {
		return r
	}
	for _, e := range es {
		if e.marker != authority || !pubkey.Same(pubkey.Plain(e.key), cert.SignatureKey) {
			continue
		}
		if problem := certProblem(h, cert, now); problem != "" {
			return Result{CertProblem: problem}
		}
		r := e.result(Match)
		r.Certified = true
		return r
	}
	return Result{}
}

// certProblem says why a certificate from a known authority is not good for h,
// "" if it is (sshkey.c, sshkey_cert_check_host). As in OpenSSH from 10.3 on, a
// certificate without principals is refused, and wildcards in them count.
func certProblem(h Host, cert *ssh.Certificate, now time.Time) string {
	if cert.CertType != ssh.HostCert {
		return "not a host certificate"
	}
	if unix := uint64(now.Unix()); unix < cert.ValidAfter {
		return "not yet valid"
	} else if unix >= cert.ValidBefore {
		return "expired"
	}
	if len(cert.ValidPrincipals) == 0 {
		return "no principals"
	}
	principal := slices.IndexFunc(cert.ValidPrincipals, func(p string) bool { return text.Match(p, h.principal()) })
	if principal < 0 {
		return "name is not a listed principal"
	}
	if len(cert.CriticalOptions) != 0 {
		return "unsupported critical options"
	}
	if algos := h.CASignatureAlgorithms; len(algos) > 0 && !slices.Contains(algos, cert.Signature.Format) {
		return "signed with disallowed algorithm"
	}
	checker := ssh.CertChecker{Clock: func() time.Time { return now }}
	if err := checker.CheckCert(cert.ValidPrincipals[principal], cert); err != nil {
		return "bad signature"
	}
	return ""
}

// checkPlain looks for the key itself. A host that is known with other keys
// only has changed, also if those are of other types: ssh orders its algorithms
// by what is known, so a server that still has the known key shows it.
func (es entries) checkPlain(key ssh.PublicKey) Result {
	if r, found := es.findRevoked(key); found {
		return r
	}
	last := Result{}
	for _, e := range es {
		if e.marker != plain {
			continue
		}
		if pubkey.Same(e.key, key) {
			return e.result(Match)
		}
		last = e.result(Changed)
	}
	return last
}

// OtherName is a line that has the same key for another host.
type OtherName struct {
	File  string
	Line  int
	Hosts string // as written, but no more than is read; "[hashed name]" if hashed
}

// maxOtherNames is how many ssh shows, and more than anyone reads; maxShownHosts
// is how much of a line, which may be for a thousand hosts.
const (
	maxOtherNames = 8
	maxShownHosts = 500
)

// OtherNames returns where else key is known: at most 8 lines, and how many
// there are.
func (db *DB) OtherNames(h Host, key ssh.PublicKey) (names []OtherName, total int) {
	encoded := base64.StdEncoding.EncodeToString(pubkey.Plain(key).Marshal())
	for _, l := range db.lines {
		_, text, ok := keyFields(l.key)
		if !ok || text != encoded || l.marker != plain {
			continue
		}
		if match, _ := matchHosts(l.hosts, h.Name()); match {
			continue
		}
		if total++; total <= maxOtherNames {
			names = append(names, OtherName{l.file, l.number, l.shownHosts()})
		}
	}
	return names, total
}

func (l line) shownHosts() string {
	if l.hosts[0] == '|' {
		return "[hashed name]"
	}
	if len(l.hosts) > maxShownHosts {
		return l.hosts[:maxShownHosts] + "..."
	}
	return l.hosts
}
