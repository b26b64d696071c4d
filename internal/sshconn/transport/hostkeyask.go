package transport

import (
	"errors"
	"net/netip"
	"strings"

	"github.com/mosha-ssh/mosha/internal/sshconfig"
	"github.com/mosha-ssh/mosha/internal/sshconn"
	"github.com/mosha-ssh/mosha/internal/sshconn/knownhosts"
	"golang.org/x/crypto/ssh"
)

func nameKeys(cfg *sshconfig.Config, keys []ssh.PublicKey) (names []sshconn.KeyName) {
	for _, key := range keys {
		names = append(names, sshconn.KeyName{Type: keyTypeName(key), Fingerprint: fingerprintFor(cfg, key)})
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
		return h.refuse(sshconn.KeyStrict, key, r)
	}
	if h.ask == nil {
		return h.refuse(sshconn.KeyUnknown, key, r)
	}
	yes, err := h.askUnknown(remote, r, key, "")
	if errors.Is(err, sshconn.ErrNoAnswer) {
		return h.refuse(sshconn.KeyUnknown, key, r)
	}
	if err != nil {
		return err
	}
	if !yes {
		return h.refuse(sshconn.KeyDeclined, key, r)
	}
	h.result.updatable, h.result.accepted = true, key
	return nil
}

// askUnknown asks until the answer is yes, no or the fingerprint. art is ssh's
// picture of the key, "" if there is none.
func (h *hostKeys) askUnknown(remote netip.AddrPort, r knownhosts.Result, key ssh.PublicKey, art string) (bool, error) {
	q := sshconn.HostKeyQuestion{
		Host:        h.host.Name(),
		KeyType:     keyTypeName(key),
		Fingerprint: fingerprintFor(h.cfg, key),
		CertProblem: r.CertProblem,
		Art:         art,
	}
	if remote.IsValid() {
		q.Address = knownhosts.DisplayAddress(remote.Addr().String(), int(remote.Port()))
	}
	q.OtherNames, q.OtherTotal = h.db.OtherNames(h.host, key)
	return h.put(q)
}

// put asks until there is an answer.
func (h *hostKeys) put(q sshconn.HostKeyQuestion) (yes bool, err error) {
	for {
		answer, err := h.ask(h.ctx, q)
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
