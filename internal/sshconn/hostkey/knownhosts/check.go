package knownhosts

import (
	"slices"
	"time"

	"golang.org/x/crypto/ssh"
)

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

// Found is a line. The zero value is no line.
type Found struct {
	File   string
	Line   int  // from 1
	Global bool // of GlobalKnownHostsFile, also if it is in both
}

// Result is what the files say about a host's key.
type Result struct {
	Status Status
	// Found is the line that decided: the matching one, the last of those that
	// differ, or the revocation.
	Found
	// Portless reports that the match was found only without the port.
	Portless bool
	// Certified reports that it is an authority that matched.
	Certified bool
	// CertProblem says why the certificate of a known authority was not
	// accepted; "" if there was none. The check then went on with the plain
	// key that it certifies, as ssh does.
	CertProblem string
}

// Query is one question to the known_hosts files.
type Query struct {
	Host Host
	Key  ssh.PublicKey
	Now  time.Time
	// Kinds are the algorithms that ssh has for host keys. Keys of kinds that
	// this package cannot parse count if they are among them, or that of Key.
	Kinds []string
}

// Check looks a key up. A certificate is checked against the authorities
// first; if none vouches for it, its plain key is looked up. A host on another
// port than 22 is looked up without the port as well, where only a match
// counts, and a revocation.
func (db *DB) Check(q Query) Result {
	q.Kinds = append(slices.Clone(q.Kinds), q.Key.Type())
	return db.newLookup(q).check(q.Key)
}

// lookup is sshconnect.c's check_host_key up to the point where it asks.
type lookup struct {
	Query
	found    entries
	portless *lookup // nil: there is no port
}

// newLookup finds the lines.
func (db *DB) newLookup(q Query) *lookup {
	l := &lookup{Query: q, found: db.find(q.Host.Name(), q.Kinds)}
	if host, ok := q.Host.portless(); ok {
		q.Host = host
		l.portless = db.newLookup(q)
	}
	return l
}

// check looks key up, which is that of the query or the plain one of its
// certificate.
func (l *lookup) check(key ssh.PublicKey) Result {
	problem := ""
	if cert, ok := key.(*ssh.Certificate); ok {
		r := l.found.checkCert(l.Host, cert, l.Now)
		if r.Status == Unknown && r.CertProblem == "" {
			r = l.withoutPort(r, cert)
		}
		if r.Status != Unknown {
			return r
		}
		problem, key = r.CertProblem, cert.Key
	}
	r := l.found.checkPlain(key)
	if r.Status == Unknown {
		r = l.withoutPort(r, key)
	}
	r.CertProblem = problem
	return r
}

// withoutPort replaces what is not known by what a look-up without the port
// says, as far as that counts.
func (l *lookup) withoutPort(r Result, key ssh.PublicKey) Result {
	if l.portless == nil {
		return r
	}
	p := l.portless.check(key)
	switch p.Status {
	case Match, Revoked:
		p.Portless = true
		return p
	}
	r.CertProblem = p.CertProblem
	return r
}
