package transport

import (
	"bytes"
	"cmp"
	"context"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/mosha-ssh/mosha/internal/sshconfig"
	"github.com/mosha-ssh/mosha/internal/sshconn"
	"github.com/mosha-ssh/mosha/internal/sshconn/knownhosts"
	"github.com/rs/zerolog"
	"golang.org/x/crypto/ssh"
)

// hostKeys decides about the server's key, once: a rekey must show it again.
// It is sshconnect.c's verify_host_key and check_host_key.
type hostKeys struct {
	cfg      *sshconfig.Config
	host     knownhosts.Host
	ask      func(context.Context, sshconn.HostKeyQuestion) (string, error)
	accepted ssh.PublicKey // by a person, on an earlier connection
	bySSH    bool          // OpenSSH decides about what the files do not know, see deferred
	log      zerolog.Logger
	rekeyed  zerolog.Logger // for what a server can bring about as often as it likes
	ctx      context.Context

	mu     sync.Mutex
	db     *knownhosts.DB // nil once the key is pinned: it may be large
	remote netip.AddrPort // not valid behind a proxy
	pinned ssh.PublicKey
	result keyOutcome
}

// keyOutcome is what became of the server's key beside that it was accepted.
type keyOutcome struct {
	notes []sshconn.Note
	// unverified: the key is not the known one, and was accepted all the same.
	unverified bool
	// updatable: UpdateHostKeys may change the user's files, which know the key.
	updatable bool
	// accepted is the key if it was a person who accepted it.
	accepted ssh.PublicKey
	// deferred is what the files say of a key that is left to OpenSSH, which
	// knows more than they do. Else nil.
	deferred *knownhosts.Result
}

func newHostKeys(ctx context.Context, cfg *sshconfig.Config, opts sshconn.Options) *hostKeys {
	h := &hostKeys{
		cfg:      cfg,
		host:     knownhosts.Host{Hostname: cfg.HostName, Alias: cfg.HostKeyAlias, Port: cfg.Port, CASignatureAlgorithms: cfg.CASignatureAlgorithms},
		db:       knownhosts.Read(cfg.UserKnownHostsFiles, cfg.GlobalKnownHostsFiles),
		ask:      opts.Ask,
		accepted: opts.Accepted,
		log:      opts.Log,
		rekeyed:  opts.Log.Sample(&zerolog.BurstSampler{Burst: 10, Period: time.Hour}),
		ctx:      ctx,
	}
	if cfg.BatchMode {
		h.ask = nil
	}
	return h
}

// algorithms orders the configured ones by what is known of the host. The error
// is an *UnsupportedError where OpenSSH alone can check what is known: to ask
// about another key would make light of a change.
func (h *hostKeys) algorithms(configured []string) ([]string, error) {
	if kind := h.db.OnlyOther(h.host, h.cfg.HostKeyAlgorithms); kind != "" {
		return nil, &sshconn.UnsupportedError{Feature: sshconn.FeatureHostKey, Detail: kind}
	}
	if h.cfg.HostKeyAlgorithmsFixed {
		return configured, nil
	}
	return h.db.Algorithms(configured, h.host), nil
}

// check is the ssh.HostKeyCallback. Errors are *HostKeyError, or that of Ask.
func (h *hostKeys) check(remote net.Addr, key ssh.PublicKey) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.pinned != nil {
		if bytes.Equal(h.pinned.Marshal(), key.Marshal()) {
			h.rekeyed.Debug().Msg("host key shown again")
			return nil
		}
		return h.refuse(sshconn.KeyChanged, key, knownhosts.Result{})
	}
	h.remote = addressOf(remote)
	if err := h.decideLocked(h.remote, key); err != nil {
		return err
	}
	h.pinned = key
	if h.result.deferred == nil {
		h.db = nil
	}
	return nil
}

// addressOf returns the server's address, not valid behind a proxy.
func addressOf(remote net.Addr) netip.AddrPort {
	tcp, ok := remote.(*net.TCPAddr)
	if !ok || tcp == nil {
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
	if !longEnough(key, h.cfg.RequiredRSASize) {
		return h.refuse(sshconn.KeyShort, key, knownhosts.Result{})
	}
	local := remote.Addr().IsLoopback()
	if h.cfg.NoHostAuthenticationForLocalhost && local && h.host.Alias == "" {
		h.log.Debug().Msg("host key is taken unchecked: NoHostAuthenticationForLocalhost")
		return nil
	}
	kinds := slices.Concat(h.cfg.HostKeyAlgorithms, h.cfg.HostbasedAcceptedAlgorithms, h.cfg.PubkeyAcceptedAlgorithms)
	r := h.db.Check(knownhosts.Query{Host: h.host, Key: key, Now: time.Now(), Kinds: kinds})
	if h.defers(r.Status) && !(r.Status == knownhosts.Unknown && h.wasAccepted(plainKey(key))) {
		h.result.deferred = &r
		return nil
	}
	switch r.Status {
	case knownhosts.Match:
		h.log.Debug().Str("file", r.File).Int("line", r.Line).Msg("host key is known")
		h.result.updatable = r.Origin == knownhosts.FromUser && !r.Certified && !r.Portless
		return nil
	case knownhosts.Changed:
		return h.changed(r, key)
	case knownhosts.Revoked:
		return h.refuse(sshconn.KeyRevoked, key, r)
	}
	return h.unknown(remote, r, plainKey(key))
}

// defers reports whether a key is left to OpenSSH that the files do not vouch
// for: ssh then refuses it, asks, or knows better. It is never told to let a key
// pass that is not the known one.
func (h *hostKeys) defers(s knownhosts.Status) bool {
	switch s {
	case knownhosts.Unknown:
		return h.bySSH
	case knownhosts.Changed:
		return h.bySSH && h.cfg.StrictHostKeyChecking != "no" && moreVouch(h.cfg)
	}
	return false
}

// moreVouch reports whether ssh may accept a key that is not the one in the files.
func moreVouch(cfg *sshconfig.Config) bool {
	return cfg.VerifyHostKeyDNS == "yes" || cfg.KnownHostsCommand != ""
}

// refuse says why a key is not accepted.
func (h *hostKeys) refuse(problem string, key ssh.PublicKey, r knownhosts.Result) error {
	if r.CertProblem != "" && slices.Contains([]string{sshconn.KeyUnknown, sshconn.KeyStrict, sshconn.KeyUnwritable}, problem) {
		problem = sshconn.KeyCertificate
	}
	key = plainKey(key)
	return &sshconn.HostKeyError{
		Problem:     problem,
		Host:        h.host.Name(),
		KeyType:     keyTypeName(key),
		Fingerprint: fingerprintFor(h.cfg, key),
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
	case "ssh-dss":
		return "DSA"
	}
	return cmp.Or(tokenNames[key.Type()], key.Type())
}
