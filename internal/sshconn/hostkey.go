package sshconn

import (
	"bytes"
	"context"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/mosha-ssh/mosha/internal/sshconn/knownhosts"
	"github.com/mosha-ssh/mosha/internal/target"
	"github.com/rs/zerolog"
	"golang.org/x/crypto/ssh"
)

// HostKeyQuestion is what ssh shows when it asks about an unknown host key.
type HostKeyQuestion struct {
	Host        string // as known_hosts would have it: the name or alias, or [name]:port
	Address     string // ip or [ip]:port, "" through a proxy
	KeyType     string // ED25519, ECDSA, RSA
	Fingerprint string // SHA256:...
	OtherNames  []knownhosts.OtherName
	OtherTotal  int    // how many other names there are; OtherNames has the first few
	CertProblem string // why the host's certificate was not good, "" if it has none
	Again       bool   // the answer before was none of yes, no and the fingerprint
}

// hostKeys decides about the server's key, once: a rekey must show it again.
type hostKeys struct {
	cfg  *target.Config
	host knownhosts.Host
	db   *knownhosts.DB
	ask  func(context.Context, HostKeyQuestion) (string, error)
	log  zerolog.Logger
	ctx  context.Context

	mu     sync.Mutex
	pinned ssh.PublicKey
	notes  []Note
}

func newHostKeys(ctx context.Context, cfg *target.Config, opts Options) *hostKeys {
	h := &hostKeys{
		cfg:  cfg,
		host: knownhosts.Host{Hostname: cfg.HostName, Alias: cfg.HostKeyAlias, Port: cfg.Port, CASignatureAlgorithms: cfg.CASignatureAlgorithms},
		db:   knownhosts.Read(cfg.UserKnownHostsFiles, cfg.GlobalKnownHostsFiles),
		ask:  opts.Ask,
		log:  opts.Log,
		ctx:  ctx,
	}
	if cfg.BatchMode {
		h.ask = nil
	}
	return h
}

// check is the ssh.HostKeyCallback. Errors are *HostKeyError, or that of Ask.
func (h *hostKeys) check(remote net.Addr, key ssh.PublicKey) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.pinned != nil {
		if bytes.Equal(h.pinned.Marshal(), key.Marshal()) {
			h.log.Debug().Msg("host key shown again")
			return nil
		}
		return h.refuse(KeyChanged, key, knownhosts.Result{})
	}
	if err := h.decideLocked(remote, key); err != nil {
		return err
	}
	h.pinned = key
	return nil
}

// outcome returns the accepted key and what there is to say about it.
func (h *hostKeys) outcome() (ssh.PublicKey, []Note) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.pinned, h.notes
}

func (h *hostKeys) decideLocked(remote net.Addr, key ssh.PublicKey) error {
	r := h.db.Check(h.host, key, time.Now())
	switch r.Status {
	case knownhosts.Match:
		h.log.Debug().Str("file", r.File).Int("line", r.Line).Msg("host key is known")
		return nil
	case knownhosts.Changed:
		return h.refuse(KeyChanged, key, r)
	case knownhosts.Revoked:
		return h.refuse(KeyRevoked, key, r)
	}
	plain := plainKey(key)
	if err := h.confirm(remote, plain, r); err != nil {
		return err
	}
	h.addLocked(plain)
	return nil
}

// confirm applies StrictHostKeyChecking to an unknown key.
func (h *hostKeys) confirm(remote net.Addr, key ssh.PublicKey, r knownhosts.Result) error {
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
	yes, err := h.askPerson(remote, key, r)
	if err != nil {
		return err
	}
	if !yes {
		return h.refuse(KeyDeclined, key, r)
	}
	return nil
}

// askPerson asks until the answer is yes, no or the fingerprint.
func (h *hostKeys) askPerson(remote net.Addr, key ssh.PublicKey, r knownhosts.Result) (bool, error) {
	q := HostKeyQuestion{
		Host:        h.host.Name(),
		KeyType:     keyTypeName(key),
		Fingerprint: ssh.FingerprintSHA256(key),
		CertProblem: r.CertProblem,
	}
	if ip, ok := remote.(*net.TCPAddr); ok {
		q.Address = knownhosts.DisplayAddress(ip.AddrPort().Addr().Unmap().String(), ip.Port)
	}
	q.OtherNames, q.OtherTotal = h.db.OtherNames(h.host, key)
	for {
		answer, err := h.ask(h.ctx, q)
		if err != nil {
			return false, &askError{err}
		}
		switch answer = strings.TrimSpace(answer); {
		case strings.EqualFold(answer, "yes"), answer == q.Fingerprint:
			return true, nil
		case answer == "", strings.EqualFold(answer, "no"):
			return false, nil
		}
		q.Again = true
	}
}

// askError carries Ask's own error through x/crypto.
type askError struct{ error }

func (e *askError) Unwrap() error { return e.error }

// addLocked writes the key down. Failing to is no reason to stop, as for ssh.
func (h *hostKeys) addLocked(key ssh.PublicKey) {
	note := Note{Kind: NoteAdded, Host: h.host.Name(), KeyType: keyTypeName(key)}
	if len(h.cfg.UserKnownHostsFiles) == 0 {
		return
	}
	note.File = h.cfg.UserKnownHostsFiles[0]
	if err := knownhosts.Append(note.File, h.host, key, h.cfg.HashKnownHosts); err != nil {
		note.Kind, note.Reason = NoteNotAdded, err.Error()
	}
	h.log.Info().Str("file", note.File).Str("host", note.Host).Str("fingerprint", ssh.FingerprintSHA256(key)).
		Str("failed", note.Reason).Msg("host key added to known_hosts")
	h.notes = append(h.notes, note)
}

func (h *hostKeys) refuse(problem string, key ssh.PublicKey, r knownhosts.Result) error {
	if r.CertProblem != "" && (problem == KeyUnknown || problem == KeyStrict) {
		problem = KeyCertificate
	}
	key = plainKey(key)
	return &HostKeyError{
		Problem:     problem,
		Host:        h.host.Name(),
		KeyType:     keyTypeName(key),
		Fingerprint: ssh.FingerprintSHA256(key),
		File:        r.File,
		Line:        r.Line,
		KnownType:   r.KeyType,
		CertProblem: r.CertProblem,
		Strict:      h.cfg.StrictHostKeyChecking,
	}
}

// plainKey returns the key that a certificate certifies, or key itself.
func plainKey(key ssh.PublicKey) ssh.PublicKey {
	if cert, ok := key.(*ssh.Certificate); ok {
		return cert.Key
	}
	return key
}

// keyTypeName is how ssh names a key's type to people.
func keyTypeName(key ssh.PublicKey) string {
	switch key.Type() {
	case ssh.KeyAlgoED25519:
		return "ED25519"
	case ssh.KeyAlgoRSA:
		return "RSA"
	case ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521:
		return "ECDSA"
	}
	return key.Type()
}
