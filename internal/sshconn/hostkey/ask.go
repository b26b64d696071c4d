package hostkey

import (
	"errors"
	"strings"

	"golang.org/x/crypto/ssh"

	"github.com/mosha-ssh/mosha/internal/sshconfig"
	"github.com/mosha-ssh/mosha/internal/sshconn"
	"github.com/mosha-ssh/mosha/internal/sshconn/hostkey/knownhosts"
	"github.com/mosha-ssh/mosha/internal/sshconn/pubkey"
)

func nameKeys(cfg *sshconfig.Config, keys []ssh.PublicKey) (names []sshconn.KeyName) {
	for _, key := range keys {
		names = append(names, sshconn.KeyName{Type: pubkey.Name(key), Fingerprint: pubkey.Fingerprint(cfg.FingerprintHash, key)})
	}
	return names
}

// confirm applies StrictHostKeyChecking to an unknown key.
func (v *Verifier) confirm(r knownhosts.Result, key ssh.PublicKey) error {
	switch v.cfg.StrictHostKeyChecking {
	case "accept-new":
		return nil
	case "no":
		v.log.Warn().Msg("host key is taken unchecked: StrictHostKeyChecking is no")
		return nil
	case "yes":
		return v.refuse(sshconn.KeyStrict, key, r)
	}
	if v.ask == nil {
		return v.refuse(sshconn.KeyUnknown, key, r)
	}
	yes, err := v.askUnknown(r, key, "")
	if errors.Is(err, sshconn.ErrNoAnswer) {
		return v.refuse(sshconn.KeyUnknown, key, r)
	}
	if err != nil {
		return err
	}
	if !yes {
		return v.refuse(sshconn.KeyDeclined, key, r)
	}
	v.updatable, v.verdict.Accepted = true, key
	return nil
}

// askUnknown asks until the answer is yes, no or the fingerprint. art is ssh's
// picture of the key, "" if there is none.
func (v *Verifier) askUnknown(r knownhosts.Result, key ssh.PublicKey, art string) (bool, error) {
	q := sshconn.HostKeyQuestion{
		Host:        v.host.Name(),
		KeyType:     pubkey.Name(key),
		Fingerprint: pubkey.Fingerprint(v.cfg.FingerprintHash, key),
		CertProblem: r.CertProblem,
		Art:         art,
	}
	if v.remote.IsValid() {
		q.Address = knownhosts.DisplayAddress(v.remote.Addr().String(), int(v.remote.Port()))
	}
	names, total := v.db.OtherNames(v.host, key)
	for _, name := range names {
		q.OtherNames = append(q.OtherNames, sshconn.OtherName(name))
	}
	q.OtherTotal = total
	return v.put(q)
}

// put asks until there is an answer.
func (v *Verifier) put(q sshconn.HostKeyQuestion) (yes bool, err error) {
	for {
		answer, err := v.ask(v.ctx, q)
		if err != nil {
			return false, &askError{err}
		}
		if yes, clear := readAnswer(&q, answer); clear {
			return yes, nil
		}
		q.Again = true
	}
}

// readAnswer reads an answer as ssh does (sshconnect.c, confirm): its first word
// counts. clear is false if that is none of what was asked for.
func readAnswer(q *sshconn.HostKeyQuestion, answer string) (yes, clear bool) {
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

// Refusal returns why Check did not accept a key, as Ask or Check itself said it;
// nil if err is of another kind.
func Refusal(err error) error {
	var ask *askError
	var key *sshconn.HostKeyError
	switch {
	case errors.As(err, &ask):
		return ask.error
	case errors.As(err, &key):
		return key
	}
	return nil
}
