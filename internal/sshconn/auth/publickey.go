package auth

import (
	"slices"

	"golang.org/x/crypto/ssh"

	"github.com/mosha-ssh/mosha/internal/sshconn"
	"github.com/mosha-ssh/mosha/internal/sshconn/auth/keyfile"
	"github.com/mosha-ssh/mosha/internal/sshconn/pubkey"
	"github.com/mosha-ssh/mosha/internal/text"
)

// keyring has the keys to offer in OpenSSH's order (sshconnect2.c,
// pubkey_prepare): CertificateFile, the agent's keys that are configured
// identities, its other keys unless IdentitiesOnly, the remaining files.
type keyring struct {
	auth *Login

	files     []identity
	agentKeys []identity
	queue     []identity
	spent     []identity                  // were offered, or cannot be
	opened    map[string]*keyfile.Private // by file name, for the time of the attempt
	unlocked  string                      // the file that was opened with a passphrase and that the agent did not get
}

func (k *keyring) prepare(bind []byte) {
	a := k.auth
	files, certs := configured(a.cfg)
	k.files = files
	k.agentKeys, a.agentProblem = k.askAgent(bind)
	k.queue = prefer(a.opts.Identity, arrange(files, certs, k.agentKeys, a.cfg.IdentitiesOnly))
}

// arrange orders the keys. A configured key that the agent has is tried with
// the agent, in the agent's order.
func arrange(files, certs, agent []identity, identitiesOnly bool) []identity {
	var chosen, others []identity
	files = slices.Clone(files)
	for _, key := range agent {
		i := slices.IndexFunc(files, func(f identity) bool { return pubkey.Same(f.public, key.public) })
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
		if key.public != nil && pubkey.Fingerprint("", key.public) == preferred {
			first = append(first, key)
		} else {
			others = append(others, key)
		}
	}
	return slices.Concat(first, others)
}

// next returns the next key as a method of its own, nil when there is none.
func (k *keyring) next() ssh.AuthMethod {
	for len(k.queue) > 0 && k.auth.person.refused == nil {
		id := k.queue[0]
		k.queue, k.spent = k.queue[1:], append(k.spent, id)
		signer := k.signer(id)
		if signer == nil {
			continue
		}
		k.auth.opts.Log.Debug().Str("key", id.source).Str("fingerprint", pubkey.Fingerprint("", signer.PublicKey())).Msg("offering public key")
		return ssh.PublicKeys(signer)
	}
	return nil
}

// reset lets all keys be tried again, those that were not tried yet first.
func (k *keyring) reset() {
	k.queue, k.spent = slices.Concat(k.queue, k.spent), nil
}

// signer makes a key ready to be offered, nil if it cannot be; why is in skipped.
func (k *keyring) signer(id identity) ssh.Signer {
	a := k.auth
	signer := id.agent
	if signer == nil {
		signer = k.fileSigner(id)
	}
	if signer == nil {
		return nil
	}
	if !pubkey.LongEnough(signer.PublicKey(), a.cfg.RequiredRSASize) {
		a.skip(sshconn.SkippedKey{File: id.source, Reason: sshconn.SkipAlgorithm, Detail: "shorter than RequiredRSASize"})
		return nil
	}
	accepted := acceptedFor(signer.PublicKey().Type(), a.cfg.PubkeyAcceptedAlgorithms)
	algos, ok := signer.(ssh.AlgorithmSigner)
	if !ok || len(accepted) == 0 {
		a.skip(sshconn.SkippedKey{File: id.source, Reason: sshconn.SkipAlgorithm})
		return nil
	}
	limited, err := ssh.NewSignerWithAlgorithms(algos, accepted)
	if err != nil {
		a.skip(sshconn.SkippedKey{File: id.source, Reason: sshconn.SkipAlgorithm, Detail: err.Error()})
		return nil
	}
	key := &sshconn.TriedKey{
		Type:        signer.PublicKey().Type(),
		Fingerprint: pubkey.Fingerprint("", signer.PublicKey()),
		Source:      text.Clean(id.source),
		FromAgent:   id.agent != nil,
	}
	a.tried = append(a.tried, key)
	return &reportingSigner{MultiAlgorithmSigner: limited, key: key, auth: a}
}

// fileSigner returns what signs with a configured identity. The file is opened
// when the server wants a signature, unless only that tells its public key.
func (k *keyring) fileSigner(id identity) ssh.Signer {
	if id.public != nil && pubkey.OnToken(pubkey.Plain(id.public)) {
		return &tokenSigner{auth: k.auth, id: id}
	}
	if cert, ok := id.public.(*ssh.Certificate); ok {
		return k.certSigner(id.source, cert)
	}
	if id.public != nil {
		return &fileSigner{keys: k, file: id.source, public: id.public}
	}
	private, _ := k.open(id.source)
	if private == nil {
		return nil
	}
	return private.Signer
}

// certSigner looks for a certificate's private key among the agent's keys
// first, then among the identity files (sshconnect2.c, sign_and_send_pubkey).
func (k *keyring) certSigner(file string, cert *ssh.Certificate) ssh.Signer {
	var signer ssh.Signer
	for _, key := range slices.Concat(k.agentKeys, k.files) {
		if !pubkey.Same(key.public, cert.Key) {
			continue
		}
		if signer = key.agent; signer == nil {
			signer = k.fileSigner(key)
		}
		break
	}
	if signer == nil {
		return nil
	}
	certified, err := ssh.NewCertSigner(cert, signer)
	if err != nil {
		k.auth.skip(sshconn.SkippedKey{File: file, Reason: sshconn.SkipUnreadable, Detail: err.Error()})
		return nil
	}
	return certified
}

// acceptedFor returns the signature algorithms for a key of that type which
// PubkeyAcceptedAlgorithms allows, in its order.
func acceptedFor(keyType string, accepted []string) []string {
	var algos []string
	for _, name := range accepted {
		if pubkey.TypeOf(name) == keyType {
			algos = append(algos, pubkey.SignatureAlgorithm(name))
		}
	}
	return algos
}
