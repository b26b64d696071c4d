package knownhosts

import (
	"bytes"
	"encoding/base64"
	"slices"
	"strconv"
	"time"

	"golang.org/x/crypto/ssh"
)

// Host is what a key is looked up for.
type Host struct {
	// Hostname is the name connected to, without port.
	Hostname string
	// Alias is HostKeyAlias: if set, it stands for host name and port.
	Alias string
	Port  int
	// CASignatureAlgorithms are the algorithms with which an authority may
	// have signed a host certificate; empty means any.
	CASignatureAlgorithms []string
}

// Name is the name that known_hosts has for h: the alias, the host name, or
// [host]:port where the port is not 22, all in lower case.
func (h Host) Name() string {
	if h.Alias == "" && h.Port != 22 && h.Port != 0 {
		return lower("[" + h.Hostname + "]:" + strconv.Itoa(h.Port))
	}
	return h.principal()
}

// principal is the name that a host certificate has to be for.
func (h Host) principal() string {
	if h.Alias != "" {
		return lower(h.Alias)
	}
	return lower(h.Hostname)
}

// Status is the outcome of a check.
type Status int

const (
	// Unknown means that no key is known for the host.
	Unknown Status = iota
	// Match means that the key is the host's, or that a certificate is good.
	Match
	// Changed means that the host is known with other keys only.
	Changed
	// Revoked means that the key, or its certificate's authority, is marked
	// @revoked. It holds whatever the other lines say.
	Revoked
)

// Result is what the files say about a host's key.
type Result struct {
	Status Status
	// File and Line (from 1) say where the key was found: the matching one,
	// the last of those that differ, or the revocation.
	File string
	Line int
	// KeyType is the type of the key in that line.
	KeyType string
	// CertProblem says why the certificate of a known authority was not
	// accepted; "" if there was none. The check then went on with the plain
	// key that it certifies, as ssh does.
	CertProblem string
}

// Check looks key up for h. A certificate is checked against the authorities
// first; if none vouches for it, its plain key is looked up. A host on another
// port than 22 is looked up without the port as well, where only a match counts.
func (db *DB) Check(h Host, key ssh.PublicKey, now time.Time) Result {
	if h.Name() == h.principal() {
		return db.find(h.Name()).check(h, key, now, nil)
	}
	portless := db.find(h.principal())
	return db.find(h.Name()).check(h, key, now, portless)
}

// entry is a line that matches the host, with its key.
type entry struct {
	line
	key ssh.PublicKey
}

type entries []entry

// find returns the lines for name, in order.
func (db *DB) find(name string) entries {
	found := entries{}
	for _, l := range db.lines {
		if match, _ := matchHosts(l.hosts, name); !match {
			continue
		}
		if key, ok := l.publicKey(); ok {
			found = append(found, entry{l, key})
		}
	}
	return found
}

// check is sshconnect.c's check_host_key up to the point where it asks.
// portless are the lines for the name without the port, nil if there is no port.
func (es entries) check(h Host, key ssh.PublicKey, now time.Time, portless entries) Result {
	problem := ""
	if cert, ok := key.(*ssh.Certificate); ok {
		r := es.checkCert(h, cert, now)
		if r.Status == Unknown && r.CertProblem == "" && portless != nil {
			r = portless.check(h, cert, now, nil).ifTold()
		}
		if r.Status != Unknown {
			return r
		}
		problem, key = r.CertProblem, cert.Key
	}
	r := es.checkPlain(key)
	if r.Status == Unknown && portless != nil {
		r = portless.check(h, key, now, nil).ifTold()
	}
	r.CertProblem = problem
	return r
}

// ifTold drops what a look-up without the port may not decide.
func (r Result) ifTold() Result {
	if r.Status == Changed {
		return Result{CertProblem: r.CertProblem}
	}
	return r
}

// checkCert looks for an authority that vouches for cert.
func (es entries) checkCert(h Host, cert *ssh.Certificate, now time.Time) Result {
	if r, found := es.findRevoked(cert); found {
		return r
	}
	for _, e := range es {
		if e.marker != authority || !sameKey(e.key, cert.SignatureKey) {
			continue
		}
		if problem := certProblem(h, cert, now); problem != "" {
			return Result{CertProblem: problem}
		}
		return e.result(Match)
	}
	return Result{}
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
		if sameKey(e.key, key) {
			return e.result(Match)
		}
		last = e.result(Changed)
	}
	return last
}

// findRevoked looks for a revocation of the key, of the key that a certificate
// certifies, or of its authority.
func (es entries) findRevoked(key ssh.PublicKey) (Result, bool) {
	keys := []ssh.PublicKey{key}
	if cert, ok := key.(*ssh.Certificate); ok {
		keys = []ssh.PublicKey{cert.Key, cert.SignatureKey}
	}
	for _, e := range es {
		if e.marker == revoked && slices.ContainsFunc(keys, func(k ssh.PublicKey) bool { return sameKey(uncertified(e.key), k) }) {
			return e.result(Revoked), true
		}
	}
	return Result{}, false
}

func (es entries) revoked(key ssh.PublicKey) bool {
	_, found := es.findRevoked(key)
	return found
}

func (e entry) result(s Status) Result {
	return Result{Status: s, File: e.file, Line: e.number, KeyType: e.key.Type()}
}

func uncertified(key ssh.PublicKey) ssh.PublicKey {
	if cert, ok := key.(*ssh.Certificate); ok {
		return cert.Key
	}
	return key
}

func sameKey(a, b ssh.PublicKey) bool { return bytes.Equal(a.Marshal(), b.Marshal()) }

// OtherName is a line that has the same key for another host.
type OtherName struct {
	File  string
	Line  int
	Hosts string // as written, "[hashed name]" if hashed
}

// maxOtherNames is how many ssh shows, and more than anyone reads.
const maxOtherNames = 8

// OtherNames returns where else key is known: at most 8 lines, and how many
// there are.
func (db *DB) OtherNames(h Host, key ssh.PublicKey) (names []OtherName, total int) {
	encoded := base64.StdEncoding.EncodeToString(uncertified(key).Marshal())
	for _, l := range db.lines {
		_, text, ok := l.keyFields()
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
	return l.hosts
}

// DisplayAddress is an address as ssh shows it beside a name: [ip]:port where
// the port is not 22.
func DisplayAddress(ip string, port int) string {
	if port == 22 {
		return ip
	}
	return "[" + ip + "]:" + strconv.Itoa(port)
}
