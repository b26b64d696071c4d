package sshconn

import (
	"context"
	"io"
	"net"
	"slices"
	"sync"

	"github.com/mosha-ssh/mosha/internal/target"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// authenticator offers keys to the server in OpenSSH's order (sshconnect2.c,
// pubkey_prepare): CertificateFile, the agent's keys that are configured
// identities, its other keys unless IdentitiesOnly, the remaining files.
//
// x/crypto asks for each key through ClientConfig.AuthCallback, since a list of
// keys would end at the first that fails to sign.
type authenticator struct {
	ctx     context.Context
	cfg     *target.Config
	opts    Options
	silence *silence // rests while a key signs

	prepared  bool
	exhausted bool // every key was offered
	files     []identity
	agentKeys []identity
	queue     []identity
	methods   []string
	agent     string // AuthError.Agent
	tried     []*TriedKey
	skipped   []SkippedKey
	beyond    *UnsupportedError // what the server would take and only OpenSSH can do

	mu     sync.Mutex // close comes from other goroutines
	conn   net.Conn   // to the agent
	closed bool
}

func newAuthenticator(ctx context.Context, cfg *target.Config, opts Options, silence *silence) *authenticator {
	return &authenticator{ctx: ctx, cfg: cfg, opts: opts, silence: silence}
}

// prepare asks the agent and puts the keys in order. bind is nil if the session
// cannot be proved to the agent.
func (a *authenticator) prepare(bind *binding) {
	a.prepared = true
	if !a.cfg.PubkeyAuthentication {
		return
	}
	files, certs := configured(a.cfg)
	a.files = files
	a.agentKeys, a.agent = a.askAgent(bind)
	a.queue = prefer(a.opts.Identity, arrange(files, certs, a.agentKeys, a.cfg.IdentitiesOnly))
}

// askAgent returns the agent's keys, or why there are none in the words of
// AuthError.Agent.
func (a *authenticator) askAgent(bind *binding) (keys []identity, problem string) {
	path := ""
	if a.opts.AgentSocket != nil {
		path = a.opts.AgentSocket()
	}
	if path == "" {
		return nil, AgentAbsent
	}
	conn, err := dialAgent(a.ctx, path)
	if err != nil {
		a.opts.Log.Debug().Err(err).Msg("no agent")
		return nil, AgentAbsent
	}
	a.keep(conn)
	keys, err = agentKeys(conn, bind, a.opts.Log)
	switch {
	case err != nil:
		return nil, err.Error()
	case len(keys) == 0:
		return nil, AgentEmpty
	}
	return keys, ""
}

// arrange orders the keys. A configured key that the agent has is tried with
// the agent, in the agent's order.
func arrange(files, certs, agent []identity, identitiesOnly bool) []identity {
	var chosen, others []identity
	files = slices.Clone(files)
	for _, key := range agent {
		i := slices.IndexFunc(files, func(f identity) bool { return sameKey(f.public, key.public) })
		if i >= 0 {
			chosen = append(chosen, identity{source: files[i].source, public: key.public, agent: key.agent})
			files = slices.Delete(files, i, i+1)
		} else if !identitiesOnly {
			others = append(others, key)
		}
	}
	return slices.Concat(certs, chosen, others, files)
}

// prefer puts the keys with that fingerprint first, of which a certificate and
// its plain key are two.
func prefer(preferred string, keys []identity) []identity {
	var first, others []identity
	for _, key := range keys {
		if key.public != nil && fingerprint(key.public) == preferred {
			first = append(first, key)
		} else {
			others = append(others, key)
		}
	}
	return slices.Concat(first, others)
}

// next returns the next key as a method of its own, nil when there is none that
// the server would take. The error is an *UnsupportedError.
func (a *authenticator) next(methods []string) (ssh.AuthMethod, error) {
	a.methods = methods
	if a.beyond != nil && !a.opts.Alone {
		return nil, a.beyond
	}
	for len(a.queue) > 0 && slices.Contains(methods, "publickey") {
		id := a.queue[0]
		a.queue = a.queue[1:]
		signer := a.signer(id)
		if signer == nil {
			continue
		}
		a.opts.Log.Debug().Str("key", id.source).Str("fingerprint", fingerprint(signer.PublicKey())).Msg("offering public key")
		return ssh.PublicKeys(signer), nil
	}
	a.exhausted = true
	return nil, nil
}

// signer makes a key ready to be offered, nil if it cannot be; why is in skipped.
func (a *authenticator) signer(id identity) ssh.Signer {
	signer := id.agent
	if signer == nil {
		signer = a.fileSigner(id)
	}
	if signer == nil {
		return nil
	}
	accepted := acceptedFor(signer.PublicKey().Type(), a.cfg.PubkeyAcceptedAlgorithms)
	algos, ok := signer.(ssh.AlgorithmSigner)
	if !ok || len(accepted) == 0 {
		a.skip(SkippedKey{File: id.source, Reason: SkipAlgorithm})
		return nil
	}
	limited, err := ssh.NewSignerWithAlgorithms(algos, accepted)
	if err != nil {
		a.skip(SkippedKey{File: id.source, Reason: SkipAlgorithm, Detail: err.Error()})
		return nil
	}
	key := &TriedKey{
		Type:        signer.PublicKey().Type(),
		Fingerprint: fingerprint(signer.PublicKey()),
		Source:      printable(id.source),
		FromAgent:   id.agent != nil,
	}
	a.tried = append(a.tried, key)
	return &reportingSigner{MultiAlgorithmSigner: limited, key: key, silence: a.silence}
}

// fileSigner loads the private key of a configured identity. A certificate's is
// looked for among the agent's keys first, then among the identity files
// (sshconnect2.c, sign_and_send_pubkey).
func (a *authenticator) fileSigner(id identity) ssh.Signer {
	if id.public != nil && onToken(plainKey(id.public)) {
		return &tokenSigner{auth: a, id: id}
	}
	cert, ok := id.public.(*ssh.Certificate)
	if !ok {
		return a.load(id.source)
	}
	signer := a.privateOf(cert)
	if signer == nil {
		return nil
	}
	certified, err := ssh.NewCertSigner(cert, signer)
	if err != nil {
		a.skip(SkippedKey{File: id.source, Reason: SkipUnreadable, Detail: err.Error()})
		return nil
	}
	return certified
}

func (a *authenticator) privateOf(cert *ssh.Certificate) ssh.Signer {
	for _, key := range a.agentKeys {
		if sameKey(key.public, cert.Key) {
			return key.agent
		}
	}
	for _, file := range a.files {
		if sameKey(file.public, cert.Key) {
			return a.load(file.source)
		}
	}
	return nil
}

func (a *authenticator) load(file string) ssh.Signer {
	signer, skipped := loadPrivate(file)
	if skipped != nil {
		a.skip(*skipped)
	}
	return signer
}

func (a *authenticator) skip(s SkippedKey) {
	if !slices.Contains(a.skipped, s) {
		a.opts.Log.Debug().Str("file", s.File).Str("reason", s.Reason).Str("detail", s.Detail).Msg("identity skipped")
		a.skipped = append(a.skipped, s)
	}
}

// last returns the fingerprint of the key that was tried last, "" if none was:
// after success, that of the accepted one.
func (a *authenticator) last() string {
	if len(a.tried) == 0 {
		return ""
	}
	return a.tried[len(a.tried)-1].Fingerprint
}

// fingerprint names a key as ssh does: a certificate by the key that it
// certifies, also if it comes from an agent.
func fingerprint(key ssh.PublicKey) string {
	if offered, ok := key.(*agent.Key); ok {
		key = parsed(offered)
	}
	return ssh.FingerprintSHA256(plainKey(key))
}

// failure is the error after all was tried, or after the server gave up.
func (a *authenticator) failure(disconnect string) error {
	e := &AuthError{
		User: a.cfg.User, Host: a.cfg.HostName, Methods: a.methods,
		Skipped: a.skipped, Agent: a.agent, Disconnect: disconnect,
	}
	for _, key := range a.tried {
		e.Tried = append(e.Tried, *key)
	}
	return e
}

// keep holds the agent's connection until close. After close it is closed at
// once.
func (a *authenticator) keep(conn net.Conn) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		conn.Close()
	}
	a.conn = conn
}

// close frees a signature or list that waits for the agent.
func (a *authenticator) close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.closed = true
	if a.conn != nil {
		a.conn.Close()
	}
}

// reportingSigner notes why a key could not sign, and lets it take its time: a
// person may have to touch it.
type reportingSigner struct {
	ssh.MultiAlgorithmSigner
	key     *TriedKey
	silence *silence
}

func (s *reportingSigner) SignWithAlgorithm(rand io.Reader, data []byte, algorithm string) (*ssh.Signature, error) {
	s.silence.rest()
	defer s.silence.wake()
	signature, err := s.MultiAlgorithmSigner.SignWithAlgorithm(rand, data, algorithm)
	if err != nil {
		s.key.Problem = err.Error()
	}
	return signature, err
}
