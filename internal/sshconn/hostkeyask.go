package sshconn

import (
	"errors"
	"net/netip"
	"strings"

	"github.com/mosha-ssh/mosha/internal/sshconfig"
	"github.com/mosha-ssh/mosha/internal/sshconn/knownhosts"
	"golang.org/x/crypto/ssh"
)

// Kinds of HostKeyQuestion.
const (
	AskUnknown = ""        // is this the host's key?
	AskAddress = "address" // is it, although another one is known for the address?
	AskUpdate  = "update"  // may UpdateHostKeys change the files?
)

// HostKeyQuestion is what ssh shows when it asks about a host key.
type HostKeyQuestion struct {
	Kind        string
	Host        string // as known_hosts would have it: the name or alias, or [name]:port
	Address     string // ip or [ip]:port, "" through a proxy
	KeyType     string // ED25519, ECDSA, RSA
	Fingerprint string // as FingerprintHash has it: SHA256:..., MD5:...
	Art         string // a picture of it, if VisualHostKey is yes: lines without an end
	OtherNames  []knownhosts.OtherName
	OtherTotal  int    // how many other names there are; OtherNames has the first few
	CertProblem string // why the host's certificate was not good, "" if it has none
	Again       bool   // the answer before was none of yes, no and the fingerprint

	Known    knownhosts.Found // AskAddress: the line that has the key for the host, if there is one
	Offended knownhosts.Found // AskAddress: the line that has another one for the address

	Learned []KeyName // AskUpdate: what is new
	Removed []KeyName // AskUpdate: what is gone
}

// KeyName is a key as ssh shows it.
type KeyName struct {
	Type        string // ED25519, ECDSA, RSA
	Fingerprint string // as FingerprintHash has it
}

func nameKeys(cfg *sshconfig.Config, keys []ssh.PublicKey) (names []KeyName) {
	for _, key := range keys {
		names = append(names, KeyName{keyTypeName(key), fingerprintFor(cfg, key)})
	}
	return names
}

// confirm applies StrictHostKeyChecking to an unknown key.
func (h *hostKeys) confirm(remote netip.AddrPort, r knownhosts.Result, key ssh.PublicKey) error {
	switch h.cfg.StrictHostKeyChecking {
	case "accept-new":
		return nil
	case "no":
		h.log.Warn().Msg("host key is taken unchecked: StrictHostKeyChecking is no")
		return nil
	case "yes":
		return h.refuse(KeyStrict, key, r)
	}
	if h.ask == nil {
		return h.refuse(KeyUnknown, key, r)
	}
	yes, err := h.askUnknown(remote, r, key)
	if errors.Is(err, ErrNoAnswer) {
		return h.refuse(KeyUnknown, key, r)
	}
	if err != nil {
		return err
	}
	if !yes {
		return h.refuse(KeyDeclined, key, r)
	}
	h.result.updatable, h.result.accepted = true, key
	return nil
}

// askUnknown asks until the answer is yes, no or the fingerprint.
func (h *hostKeys) askUnknown(remote netip.AddrPort, r knownhosts.Result, key ssh.PublicKey) (bool, error) {
	q := HostKeyQuestion{
		Host:        h.host.Name(),
		KeyType:     keyTypeName(key),
		Fingerprint: fingerprintFor(h.cfg, key),
		CertProblem: r.CertProblem,
	}
	if h.cfg.VisualHostKey {
		q.Art = randomArt(h.cfg, key)
	}
	if remote.IsValid() {
		q.Address = knownhosts.DisplayAddress(remote.Addr().String(), int(remote.Port()))
	}
	q.OtherNames, q.OtherTotal = h.db.OtherNames(h.host, key)
	return h.put(q)
}

// askAddress asks about a key that the address does not have.
func (h *hostKeys) askAddress(r knownhosts.Result, key ssh.PublicKey) (bool, error) {
	yes, err := h.put(HostKeyQuestion{
		Kind: AskAddress, Host: h.host.Name(), Address: r.Address.Name, KeyType: keyTypeName(key),
		Known: r.Found, Offended: r.Address.Found,
	})
	if errors.Is(err, ErrNoAnswer) {
		return false, nil
	}
	return yes, err
}

// put asks until there is an answer.
func (h *hostKeys) put(q HostKeyQuestion) (yes bool, err error) {
	for {
		answer, err := h.ask(h.ctx, q)
		if err != nil {
			return false, &askError{err}
		}
		if yes, clear := q.verdict(answer); clear {
			return yes, nil
		}
		q.Again = true
	}
}

// verdict reads an answer as ssh does (sshconnect.c, confirm): its first word
// counts. clear is false if that is none of what was asked for.
func (q *HostKeyQuestion) verdict(answer string) (yes, clear bool) {
	word, _, _ := strings.Cut(strings.TrimLeft(answer, " \t"), " ")
	word, _, _ = strings.Cut(word, "\t")
	switch word = strings.TrimSpace(word); {
	case strings.EqualFold(word, "yes"), q.Fingerprint != "" && word == q.Fingerprint:
		return true, true
	case word == "", strings.EqualFold(word, "no"):
		return false, true
	}
	return false, false
}

// askError carries Ask's own error through x/crypto.
type askError struct{ error }

func (e *askError) Unwrap() error { return e.error }
