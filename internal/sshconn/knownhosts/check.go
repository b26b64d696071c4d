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

// Found is a line, and the type of the key in it. The zero value is no line.
type Found struct {
	File    string // for a command's output KnownHostsCommand- and its purpose
	Line    int    // from 1
	KeyType string
	Origin  Origin
}

// Result is what the files say about a host's key.
type Result struct {
	Status Status
	// Found is the line that decided: the matching one, the last of those that
	// differ, or the revocation.
	Found
	// Portless says that the match was found only without the port.
	Portless bool
	// Certified says that it is an authority that matched.
	Certified bool
	// CertProblem says why the certificate of a known authority was not
	// accepted; "" if there was none. The check then went on with the plain
	// key that it certifies, as ssh does.
	CertProblem string
	// CertOrigin is where that authority is from.
	CertOrigin Origin
	// Address is what the lines for the address say (CheckHostIP), nil if it
	// was not looked up.
	Address *AddressResult
}

// AddressResult is what the files say about the key for the host's address.
type AddressResult struct {
	Status Status
	Found
	Name string // as known_hosts has it
	// Differs says that the host's key has changed, and that its address does
	// not have the same other key: the name may lead to another machine.
	Differs bool
}

// Query is one question to the known_hosts files.
type Query struct {
	Host Host
	Key  ssh.PublicKey
	Now  time.Time
	// Kinds are the algorithms that ssh has for host keys. Keys of kinds that this
	// package cannot parse count if they are among them, or that of Key.
	Kinds []string
	// Command returns the output of KnownHostsCommand for a name or address,
	// whose lines count after those of the files; nil if there is none.
	Command func(purpose, name string) (output string, err error)
}

// Purposes of a run of KnownHostsCommand.
const (
	ForOrder   = "ORDER"
	ForName    = "HOSTNAME"
	ForAddress = "ADDRESS"
)

// Check looks a key up. A certificate is checked against the authorities
// first; if none vouches for it, its plain key is looked up. A host on another
// port than 22 is looked up without the port as well, where only a match
// counts, and a revocation. The error is that of Command.
func (db *DB) Check(q Query) (Result, error) {
	q.Kinds = append(slices.Clone(q.Kinds), q.Key.Type())
	l := lookup{db: db, Query: q}
	if err := l.load(); err != nil {
		return Result{}, err
	}
	return l.check(q.Key), nil
}

// lookup is sshconnect.c's check_host_key up to the point where it asks.
type lookup struct {
	db *DB
	Query
	byName    entries
	byAddress entries // nil: not looked up
	portless  *lookup // nil: there is no port
}

// load finds the lines. A certificate's address is not looked up.
func (l *lookup) load() (err error) {
	if l.byName, err = l.find(ForName, l.Host.Name()); err != nil {
		return err
	}
	if _, isCert := l.Key.(*ssh.Certificate); l.Host.Address != "" && !isCert {
		if l.byAddress, err = l.find(ForAddress, l.Host.AddressName()); err != nil {
			return err
		}
	}
	if host, ok := l.Host.portless(); ok {
		l.portless = &lookup{db: l.db, Query: Query{Host: host, Key: l.Key, Now: l.Now, Kinds: l.Kinds}}
		return l.portless.load()
	}
	return nil
}

func (l *lookup) find(purpose, name string) (entries, error) {
	found := l.db.find(name, l.Kinds)
	if l.Command == nil {
		return found, nil
	}
	output, err := l.Command(purpose, name)
	if err != nil {
		return nil, err
	}
	return append(found, commandDB(purpose, output).find(name, l.Kinds)...), nil
}

// check looks key up, which is that of the query or the plain one of its
// certificate.
func (l *lookup) check(key ssh.PublicKey) Result {
	problem, origin := "", FromUser
	if cert, ok := key.(*ssh.Certificate); ok {
		r := l.byName.checkCert(l.Host, cert, l.Now)
		if r.Status == Unknown && r.CertProblem == "" {
			r = l.withoutPort(r, cert)
		}
		if r.Status != Unknown {
			return r
		}
		problem, origin, key = r.CertProblem, r.CertOrigin, cert.Key
	}
	r := l.byName.checkPlain(key)
	r.Address = l.checkAddress(r, key)
	if r.Status == Unknown {
		r = l.withoutPort(r, key)
	}
	r.CertProblem, r.CertOrigin = problem, origin
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
		if p.Address == nil || p.Address.Status != Changed {
			p.Address = r.Address
		}
		return p
	}
	r.CertProblem = p.CertProblem
	return r
}

func (l *lookup) checkAddress(named Result, key ssh.PublicKey) *AddressResult {
	if l.byAddress == nil {
		return nil
	}
	r := l.byAddress.checkPlain(key)
	a := &AddressResult{Status: r.Status, Found: r.Found, Name: l.Host.AddressName()}
	a.Differs = named.Status == Changed && (a.Status != Changed || !sameKey(l.byAddress.last(), l.byName.last()))
	return a
}
