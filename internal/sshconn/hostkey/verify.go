package hostkey

import (
	"bytes"
	"context"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/crypto/ssh"

	"github.com/mosha-ssh/mosha/internal/child"
	"github.com/mosha-ssh/mosha/internal/sshconfig"
	"github.com/mosha-ssh/mosha/internal/sshconn"
	"github.com/mosha-ssh/mosha/internal/sshconn/hostkey/knownhosts"
	"github.com/mosha-ssh/mosha/internal/sshconn/pubkey"
)

// Verifier decides about the server's key, once: a rekey must show it again.
// It is sshconnect.c's verify_host_key and check_host_key.
type Verifier struct {
	cfg      *sshconfig.Config
	host     knownhosts.Host
	ask      func(context.Context, sshconn.HostKeyQuestion) (string, error)
	accepted ssh.PublicKey // by a person, on an earlier connection
	vouched  bool          // OpenSSH knows what may vouch for a key that is not in the files
	drawn    bool          // OpenSSH asks about an unknown key, which it draws
	lists    string        // digest of RevokedHostKeys, for a key that only ssh sees
	env      child.Env
	log      zerolog.Logger
	rekeyed  zerolog.Logger // for what a server can bring about as often as it likes
	ctx      context.Context

	mu      sync.Mutex
	db      *knownhosts.DB // nil once the key is pinned: it may be large
	remote  netip.AddrPort // not valid behind a proxy
	pinned  ssh.PublicKey
	verdict Verdict
	// updatable: UpdateHostKeys may change the user's files, which know the key.
	updatable bool
	// deferred is what the files say of a key that is left to OpenSSH, which
	// knows more than they do. Else nil.
	deferred *knownhosts.Result
	left     bool          // the key was deferred
	declined bool          // by a person whom ssh asked
	untold   ssh.PublicKey // accepted here, and maybe in none of the files
}

// Verdict is what became of a host key that was accepted.
type Verdict struct {
	Notes []sshconn.Note // what the user should know
	// Unverified reports that the key is not the known one, and was let pass.
	Unverified bool
	Accepted   ssh.PublicKey // the key if a person accepted it, as in Facts
}

// New returns a Verifier that goes by a configuration and its files as they are
// now. What it asks ends with ctx.
func New(ctx context.Context, cfg *sshconfig.Config, opts sshconn.Options) *Verifier {
	if cfg.KnownHostsCommand != "" && cfg.StrictHostKeyChecking == "no" {
		strict := *cfg
		strict.StrictHostKeyChecking = StrictAnyway
		cfg = &strict
	}
	v := &Verifier{
		cfg:      cfg,
		host:     hostOf(cfg),
		db:       knownhosts.Read(cfg.UserKnownHostsFiles, cfg.GlobalKnownHostsFiles),
		ask:      opts.Ask,
		accepted: opts.Accepted,
		env:      opts.Env,
		log:      opts.Log,
		rekeyed:  opts.Log.Sample(&zerolog.BurstSampler{Burst: 10, Period: time.Hour}),
		ctx:      ctx,
	}
	if cfg.BatchMode {
		v.ask = nil
	}
	return v
}

// Beyond returns an *sshconn.UnsupportedError with the option about host keys
// that only ssh can heed, nil if there is none. Without ssh there is no
// connection then: a key that the option refuses would be accepted.
func Beyond(cfg *sshconfig.Config) error {
	for _, option := range []struct {
		name string
		set  bool
	}{
		{"KnownHostsCommand", cfg.KnownHostsCommand != ""},
		{"RevokedHostKeys", len(cfg.RevokedHostKeys) > 0},
		{"CheckHostIP", cfg.CheckHostIP && !cfg.HasProxy()},
		{"VisualHostKey", cfg.VisualHostKey},
	} {
		if option.set {
			return &sshconn.UnsupportedError{Feature: sshconn.FeatureOption, Detail: option.name}
		}
	}
	return nil
}

// Name is the name that known_hosts has for the destination.
func Name(cfg *sshconfig.Config) string { return hostOf(cfg).Name() }

func hostOf(cfg *sshconfig.Config) knownhosts.Host {
	return knownhosts.Host{Hostname: cfg.HostName, Alias: cfg.HostKeyAlias, Port: cfg.Port, CASignatureAlgorithms: cfg.CASignatureAlgorithms}
}

// Algorithms orders the configured ones by what is known of the host. The error
// is an *UnsupportedError where OpenSSH alone can check what is known: to ask
// about another key would make light of a change.
func (v *Verifier) Algorithms(configured []string) ([]string, error) {
	if kind := v.db.OnlyOther(v.host, v.cfg.HostKeyAlgorithms); kind != "" {
		return nil, &sshconn.UnsupportedError{Feature: sshconn.FeatureHostKey, Detail: kind}
	}
	if v.cfg.HostKeyAlgorithmsFixed {
		return configured, nil
	}
	return v.db.Algorithms(configured, v.host), nil
}

// Check decides about the key that the server at that address showed, which is
// not valid behind a proxy. Errors are *HostKeyError, or that of Ask; see
// Refusal.
func (v *Verifier) Check(remote netip.AddrPort, key ssh.PublicKey) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.pinned != nil {
		if bytes.Equal(v.pinned.Marshal(), key.Marshal()) {
			v.rekeyed.Debug().Msg("host key shown again")
			return nil
		}
		return v.refuse(sshconn.KeyChanged, key, knownhosts.Result{})
	}
	v.remote = remote
	if err := v.decideLocked(key); err != nil {
		return err
	}
	v.pinned = key
	if v.deferred == nil {
		v.db = nil
	}
	return nil
}

// Unchecked reports whether any key is taken from a server at that address
// (NoHostAuthenticationForLocalhost), unless RevokedHostKeys has it.
func (v *Verifier) Unchecked(remote netip.AddrPort) bool {
	return v.cfg.NoHostAuthenticationForLocalhost && remote.Addr().IsLoopback() && v.host.Alias == ""
}

// Pinned returns the accepted key, nil as long as there is none.
func (v *Verifier) Pinned() ssh.PublicKey {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.pinned
}

// Verdict is what became of the accepted key.
func (v *Verifier) Verdict() Verdict {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.verdict
}

func (v *Verifier) decideLocked(key ssh.PublicKey) error {
	if !pubkey.LongEnough(key, v.cfg.RequiredRSASize) {
		return v.refuse(sshconn.KeyShort, key, knownhosts.Result{})
	}
	if err := v.checkRevoked(key); err != nil {
		return err
	}
	if v.Unchecked(v.remote) {
		v.log.Debug().Msg("host key is taken unchecked: NoHostAuthenticationForLocalhost")
		v.untold = pubkey.Plain(key)
		return nil
	}
	kinds := slices.Concat(v.cfg.HostKeyAlgorithms, v.cfg.HostbasedAcceptedAlgorithms, v.cfg.PubkeyAcceptedAlgorithms)
	r := v.db.Check(knownhosts.Query{Host: v.host, Key: key, Now: time.Now(), Kinds: kinds})
	if v.defers(r) && (r.Status != knownhosts.Unknown || !v.wasAccepted(pubkey.Plain(key))) {
		v.deferred, v.left = &r, true
		if strict := v.cfg.StrictHostKeyChecking; strict == "accept-new" || strict == "no" {
			v.letWrite()
		}
		return nil
	}
	switch r.Status {
	case knownhosts.Match:
		v.log.Debug().Str("file", r.File).Int("line", r.Line).Msg("host key is known")
		v.updatable = !r.Global && !r.Certified && !r.Portless
		return nil
	case knownhosts.Changed:
		return v.changed(r, key)
	case knownhosts.Revoked:
		return v.refuse(sshconn.KeyRevoked, key, r)
	}
	return v.unknown(r, pubkey.Plain(key))
}

// defers reports whether a key is left to OpenSSH that the files do not vouch
// for: ssh then refuses it, asks, or knows better. It is never told to let a
// key pass that is not the known one. ssh may take a certificate that is
// refused here, and then nothing else needs to vouch for it.
func (v *Verifier) defers(r knownhosts.Result) bool {
	good := r.CertProblem == ""
	vouched := v.vouched && (good || v.cfg.KnownHostsCommand != "")
	switch r.Status {
	case knownhosts.Unknown:
		return vouched || v.drawn && good && v.cfg.StrictHostKeyChecking == "ask" && v.ask != nil
	case knownhosts.Changed:
		return vouched && v.cfg.StrictHostKeyChecking != "no"
	}
	return false
}

// refuse says why a key is not accepted.
func (v *Verifier) refuse(problem string, key ssh.PublicKey, r knownhosts.Result) error {
	if r.CertProblem != "" && slices.Contains([]string{sshconn.KeyUnknown, sshconn.KeyStrict, sshconn.KeyUnwritable}, problem) {
		problem = sshconn.KeyCertificate
	}
	key = pubkey.Plain(key)
	return &sshconn.HostKeyError{
		Problem:     problem,
		Host:        v.host.Name(),
		KeyType:     pubkey.Name(key),
		Fingerprint: pubkey.Fingerprint(v.cfg.FingerprintHash, key),
		File:        r.File,
		Line:        r.Line,
		CertProblem: r.CertProblem,
	}
}
