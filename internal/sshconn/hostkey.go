package sshconn

import (
	"bytes"
	"context"
	"crypto/rsa"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/mosha-ssh/mosha/internal/sshconn/knownhosts"
	"github.com/mosha-ssh/mosha/internal/target"
	"github.com/rs/zerolog"
	"golang.org/x/crypto/ssh"
)

// hostKeys decides about the server's key, once: a rekey must show it again.
// It is sshconnect.c's verify_host_key and check_host_key.
type hostKeys struct {
	cfg      *target.Config
	host     knownhosts.Host
	ask      func(context.Context, HostKeyQuestion) (string, error)
	accepted ssh.PublicKey // by a person, on an earlier connection
	log      zerolog.Logger
	ctx      context.Context

	mu     sync.Mutex
	db     *knownhosts.DB // nil once the key is pinned: it may be large
	pinned ssh.PublicKey
	result keyOutcome
}

// keyOutcome is what became of the server's key beside that it was accepted.
type keyOutcome struct {
	notes []Note
	// unverified: the key is not the known one, and was accepted all the same.
	unverified bool
	// updatable: UpdateHostKeys may change the user's files, which know the key.
	updatable bool
	// accepted is the key if it was a person who accepted it.
	accepted ssh.PublicKey
}

func newHostKeys(ctx context.Context, cfg *target.Config, opts Options) *hostKeys {
	h := &hostKeys{
		cfg:      cfg,
		host:     knownhosts.Host{Hostname: cfg.HostName, Alias: cfg.HostKeyAlias, Port: cfg.Port, CASignatureAlgorithms: cfg.CASignatureAlgorithms},
		db:       knownhosts.Read(cfg.UserKnownHostsFiles, cfg.GlobalKnownHostsFiles),
		ask:      opts.Ask,
		accepted: opts.Accepted,
		log:      opts.Log,
		ctx:      ctx,
	}
	if cfg.BatchMode {
		h.ask = nil
	}
	if cfg.VerifyHostKeyDNS != "no" {
		h.log.Info().Msg("VerifyHostKeyDNS is passed over") // yes is for OpenSSH, see Open
	}
	return h
}

// algorithms orders the configured ones by what is known of the host. The error
// is that of KnownHostsCommand.
func (h *hostKeys) algorithms(configured []string) ([]string, error) {
	if h.cfg.HostKeyAlgorithmsFixed {
		return configured, nil
	}
	output := ""
	if command := h.command(nil); command != nil {
		var err error
		if output, err = command(knownhosts.ForOrder, h.host.Hostname); err != nil {
			return nil, err
		}
	}
	return h.db.Algorithms(configured, h.host, output), nil
}

// check is the ssh.HostKeyCallback. Errors are *HostKeyError, *CommandError,
// *target's for a malformed KnownHostsCommand, or that of Ask.
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
	if err := h.decideLocked(addressOf(remote), key); err != nil {
		return err
	}
	h.pinned, h.db = key, nil
	return nil
}

// addressOf returns the server's address, not valid behind a proxy.
func addressOf(remote net.Addr) netip.AddrPort {
	tcp, ok := remote.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	addr := tcp.AddrPort()
	return netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port())
}

// outcome returns the accepted key and what became of it.
func (h *hostKeys) outcome() (ssh.PublicKey, keyOutcome) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.pinned, h.result
}

func (h *hostKeys) decideLocked(remote netip.AddrPort, key ssh.PublicKey) error {
	if !h.longEnough(key) {
		return h.refuse(KeyShort, key, knownhosts.Result{})
	}
	if err := h.checkRevoked(key); err != nil {
		return err
	}
	local := remote.Addr().IsLoopback()
	if h.cfg.NoHostAuthenticationForLocalhost && local && h.host.Alias == "" {
		h.log.Debug().Msg("host key is taken unchecked: NoHostAuthenticationForLocalhost")
		return nil
	}
	if h.cfg.CheckHostIP && remote.IsValid() && !local {
		h.checkAddress(remote)
	}
	r, err := h.db.Check(knownhosts.Query{Host: h.host, Key: key, Now: time.Now(), Command: h.command(key)})
	if err != nil {
		return err
	}
	switch r.Status {
	case knownhosts.Match:
		h.log.Debug().Str("file", r.File).Int("line", r.Line).Msg("host key is known")
		return h.known(r, plainKey(key))
	case knownhosts.Changed:
		return h.changed(r, key)
	case knownhosts.Revoked:
		return h.refuse(KeyRevoked, key, r)
	}
	return h.unknown(remote, r, plainKey(key))
}

// checkAddress has the address looked up too, unless it is what the host is known
// by anyway.
func (h *hostKeys) checkAddress(remote netip.AddrPort) {
	ip := remote.Addr().String()
	if knownhosts.DisplayAddress(ip, h.host.Port) != h.host.Hostname {
		h.host.Address = ip
	}
}

// minRSASize is what OpenSSH asks of every RSA key, in bits.
const minRSASize = 1024

// longEnough says whether an RSA key has RequiredRSASize.
func (h *hostKeys) longEnough(key ssh.PublicKey) bool {
	crypto, ok := plainKey(key).(ssh.CryptoPublicKey)
	if !ok {
		return true
	}
	number, ok := crypto.CryptoPublicKey().(*rsa.PublicKey)
	return !ok || number.N.BitLen() >= max(h.cfg.RequiredRSASize, minRSASize)
}

// known goes on after a match: the address may be of another mind, or new.
func (h *hostKeys) known(r knownhosts.Result, key ssh.PublicKey) error {
	if r.Address != nil && r.Address.Status == knownhosts.Changed {
		if err := h.addressDiffers(r, key); err != nil {
			return err
		}
	}
	fromUser := r.Origin == knownhosts.FromUser && (r.Address == nil || r.Address.Status != knownhosts.Match || r.Address.Origin != knownhosts.FromGlobal)
	h.result.updatable = fromUser && !r.Certified && !r.Portless
	if r.Address != nil && r.Address.Status == knownhosts.Unknown && !r.Portless {
		if r.Origin == knownhosts.FromCommand || !h.writable() {
			h.log.Info().Str("address", r.Address.Name).Msg("host key is not known for the address")
			return nil
		}
		h.add(key, knownhosts.AddressOnly)
	}
	return nil
}

// unknown asks a person, if that is what StrictHostKeyChecking says, and writes
// the key down.
func (h *hostKeys) unknown(remote netip.AddrPort, r knownhosts.Result, key ssh.PublicKey) error {
	if h.wasAccepted(key) {
		return nil
	}
	if !h.writable() {
		return h.refuse(KeyUnwritable, key, r)
	}
	if err := h.confirm(remote, r, key); err != nil {
		return err
	}
	if r.Address != nil && r.Address.Status == knownhosts.Changed {
		if err := h.addressDiffers(r, key); err != nil {
			return err
		}
	}
	names := knownhosts.NameOnly
	if r.Address != nil && r.Address.Status == knownhosts.Unknown {
		names = knownhosts.NameAndAddress
	}
	h.add(key, names)
	return nil
}

// wasAccepted says whether a person accepted the key on an earlier connection: a
// connection that comes back by itself can ask nobody, and the files need not
// know the key.
func (h *hostKeys) wasAccepted(key ssh.PublicKey) bool {
	if h.accepted == nil || !bytes.Equal(h.accepted.Marshal(), key.Marshal()) {
		return false
	}
	h.log.Debug().Msg("host key was accepted before")
	h.result.accepted = key
	return true
}

// writable says whether there is a file and a name to write a key down with.
// Without, ssh takes no key that is not known.
func (h *hostKeys) writable() bool {
	return len(h.cfg.UserKnownHostsFiles) > 0 && h.host.Recordable()
}

// changed refuses a key that is not the known one, or lets it pass without
// trusting it, if StrictHostKeyChecking is no.
func (h *hostKeys) changed(r knownhosts.Result, key ssh.PublicKey) error {
	if h.cfg.StrictHostKeyChecking != "no" {
		return h.refuse(KeyChanged, key, r)
	}
	h.log.Warn().Str("file", r.File).Int("line", r.Line).Str("fingerprint", ssh.FingerprintSHA256(plainKey(key))).
		Msg("host key has changed, and is not trusted: StrictHostKeyChecking is no")
	h.result.unverified = true
	h.note(Note{Kind: NoteChanged, KeyType: keyTypeName(plainKey(key)), File: r.File, Line: r.Line})
	return nil
}

// addressDiffers decides about a key that is the host's, or is to be, and not
// that of its address.
func (h *hostKeys) addressDiffers(r knownhosts.Result, key ssh.PublicKey) error {
	switch h.cfg.StrictHostKeyChecking {
	case "no":
		h.note(Note{Kind: NoteAddress, KeyType: keyTypeName(key), Address: r.Address.Name, File: r.Address.File, Line: r.Address.Line})
		return nil
	case "ask":
		if h.wasAccepted(key) {
			return nil
		}
		if h.ask == nil {
			return h.refuse(KeyAddress, key, r)
		}
		yes, err := h.askAddress(r, key)
		if yes {
			h.result.accepted = key
		}
		if err != nil || yes {
			return err
		}
	}
	return h.refuse(KeyAddress, key, r)
}

// add writes the key down. Failing to is no reason to stop, as for ssh.
func (h *hostKeys) add(key ssh.PublicKey, names knownhosts.Names) {
	note := Note{Kind: NoteAdded, KeyType: keyTypeName(key), File: h.cfg.UserKnownHostsFiles[0]}
	if names != knownhosts.NameOnly {
		note.Address = h.host.AddressName()
	}
	if err := knownhosts.Append(note.File, h.host, names, key, h.cfg.HashKnownHosts); err != nil {
		note.Kind, note.Reason = NoteNotAdded, err.Error()
	}
	h.log.Info().Str("file", note.File).Str("host", h.host.Name()).Str("fingerprint", ssh.FingerprintSHA256(key)).
		Str("failed", note.Reason).Msg("host key added to known_hosts")
	h.note(note)
}

func (h *hostKeys) note(n Note) {
	n.Host = h.host.Name()
	h.result.notes = append(h.result.notes, n)
}

// refuse says why a key is not accepted.
func (h *hostKeys) refuse(problem string, key ssh.PublicKey, r knownhosts.Result) error {
	if r.CertProblem != "" && slices.Contains([]string{KeyUnknown, KeyStrict, KeyUnwritable}, problem) {
		problem = KeyCertificate
	}
	key = plainKey(key)
	e := &HostKeyError{
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
	if a := r.Address; a != nil && (a.Differs || problem == KeyAddress) {
		e.Address = &AddressProblem{Name: a.Name, Status: addressStatus(a.Status), File: a.File, Line: a.Line}
	}
	return e
}

// addressStatus is ssh's word for what is known of an address.
func addressStatus(s knownhosts.Status) string {
	switch s {
	case knownhosts.Unknown:
		return AddressUnknown
	case knownhosts.Match:
		return AddressUnchanged
	}
	return AddressDiffers
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
