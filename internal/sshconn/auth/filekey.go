package auth

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"io/fs"
	"math"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"github.com/mosha-ssh/mosha/internal/sshconn"
	"github.com/mosha-ssh/mosha/internal/sshconn/auth/keyfile"
	"github.com/mosha-ssh/mosha/internal/text"
)

// fileSigner signs with a key file whose public key is known. It opens the
// file, and asks for its passphrase, when the server takes the key.
type fileSigner struct {
	keys   *keyring
	file   string
	public ssh.PublicKey
}

func (s *fileSigner) PublicKey() ssh.PublicKey { return s.public }

func (s *fileSigner) Sign(rand io.Reader, data []byte) (*ssh.Signature, error) {
	return s.SignWithAlgorithm(rand, data, "")
}

func (s *fileSigner) SignWithAlgorithm(rand io.Reader, data []byte, algorithm string) (*ssh.Signature, error) {
	private, err := s.keys.open(s.file)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(private.Signer.PublicKey().Marshal(), s.public.Marshal()) {
		return nil, s.keys.unusable(sshconn.SkippedKey{File: s.file, Reason: sshconn.SkipUnreadable, Detail: "it does not belong to the public key beside it"})
	}
	return private.Signer.(ssh.AlgorithmSigner).SignWithAlgorithm(rand, data, algorithm)
}

// open returns the private key of an identity file. The error says why there
// is none; what the user should know of it is in skipped.
func (k *keyring) open(name string) (*keyfile.Private, error) {
	if private := k.opened[name]; private != nil {
		return private, nil
	}
	file, err := k.read(name)
	if err != nil {
		return nil, err
	}
	private, err := k.unlock(name, file)
	if err != nil {
		return nil, err
	}
	if k.opened == nil {
		k.opened = map[string]*keyfile.Private{}
	}
	k.opened[name] = private
	k.addToAgent(name, private)
	return private, nil
}

// read reads an identity file. A default identity that does not exist, or a
// public key for the agent, is nothing that the user has to be told.
func (k *keyring) read(name string) (*keyfile.File, error) {
	text, err := readKeyFile(name)
	switch {
	case errors.Is(err, fs.ErrNotExist) && isDefault(name):
		return nil, err
	case errors.Is(err, fs.ErrNotExist):
		return nil, k.unusable(sshconn.SkippedKey{File: name, Reason: sshconn.SkipMissing})
	case err != nil:
		return nil, k.unusable(sshconn.SkippedKey{File: name, Reason: sshconn.SkipUnreadable, Detail: err.Error()})
	case parsePublic(name) != nil:
		return nil, errPublicOnly
	case !private(name):
		return nil, k.unusable(sshconn.SkippedKey{File: name, Reason: sshconn.SkipPermissions})
	}
	defer clear(text)
	file, err := keyfile.Parse(text)
	if err == nil {
		err = file.Beyond
	}
	if err != nil {
		k.noteUnknown(name, err)
		return nil, k.unusable(sshconn.SkippedKey{File: name, Reason: sshconn.SkipUnreadable, Detail: err.Error()})
	}
	return file, nil
}

var (
	errPublicOnly = errors.New("there is only its public part")
	errLocked     = errors.New("the passphrase was not given")
)

// unlock opens a key file, and asks for its passphrase as often as for a
// password. An empty one means: not this key (sshconnect2.c,
// load_identity_file).
func (k *keyring) unlock(name string, file *keyfile.File) (*keyfile.Private, error) {
	if !file.Encrypted {
		return k.opens(name, file, nil)
	}
	k.auth.wanted = k.auth.wanted || !k.auth.person.there()
	for try := range k.auth.cfg.NumberOfPasswordPrompts {
		answers, err := k.auth.person.ask(sshconn.Prompt{Kind: sshconn.PromptPassphrase, File: name, Again: try > 0})
		if err != nil || len(answers[0]) == 0 {
			break
		}
		private, err := k.opens(name, file, answers[0])
		sshconn.Wipe(answers)
		if !errors.Is(err, keyfile.ErrPassphrase) {
			if err == nil {
				k.unlocked = name
			}
			return private, err
		}
	}
	k.auth.skip(sshconn.SkippedKey{File: name, Reason: sshconn.SkipEncrypted})
	return nil, errLocked
}

func (k *keyring) opens(name string, file *keyfile.File, passphrase []byte) (*keyfile.Private, error) {
	opened, err := file.Open(passphrase)
	if format := (*keyfile.FormatError)(nil); errors.As(err, &format) {
		return nil, k.unusable(sshconn.SkippedKey{File: name, Reason: sshconn.SkipUnreadable, Detail: format.What})
	}
	return opened, err
}

// noteUnknown notes a file that may be in order, if that is what err says.
func (k *keyring) noteUnknown(name string, err error) {
	if format := (*keyfile.FormatError)(nil); errors.As(err, &format) && format.Unknown {
		k.auth.unread = text.Clean(name)
	}
}

// unusable notes that a file is not used, and returns that as an error.
func (k *keyring) unusable(s sshconn.SkippedKey) error {
	k.auth.skip(s)
	return &unusableError{s}
}

// unusableError says why a key file is not used.
type unusableError struct{ sshconn.SkippedKey }

func (e *unusableError) Error() string {
	if e.Detail != "" {
		return e.Detail
	}
	return e.Reason
}

// addToAgent applies AddKeysToAgent (sshconnect2.c, maybe_add_key_to_agent). A
// key that the agent does not take is no reason not to use it. Where nobody is
// there it is not applied: ssh adds a key when a person runs ssh, and a
// connection that comes back by itself would undo an ssh-add -D, or start the
// key's lifetime anew.
func (k *keyring) addToAgent(name string, private *keyfile.Private) {
	cfg, log := k.auth.cfg, k.auth.opts.Log
	path := k.agentPath()
	if cfg.AddKeysToAgent == "" || cfg.AddKeysToAgent == "no" || path == "" || k.auth.opts.Unattended() {
		return
	}
	key := agent.AddedKey{
		PrivateKey:       private.Key,
		Comment:          cmp.Or(publicComment(name), name),
		LifetimeSecs:     uint32(min(cfg.AddKeysLifetime.Seconds(), math.MaxUint32)),
		ConfirmBeforeUse: cfg.AddKeysToAgent == "confirm",
	}
	if cfg.AddKeysToAgent == "ask" && !k.mayAdd(name, key.Comment) {
		return
	}
	conn, err := dialAgent(k.auth.ctx, path)
	if err == nil {
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(agentTimeout))
		err = agent.NewClient(conn).Add(key)
	}
	log.Info().Str("file", name).AnErr("failed", err).Msg("identity added to the agent")
	if err == nil && k.unlocked == name {
		k.unlocked = ""
	}
}

// mayAdd asks the person.
func (k *keyring) mayAdd(name, comment string) bool {
	answers, err := k.auth.person.ask(sshconn.Prompt{Kind: sshconn.PromptAddKey, File: name, Comment: sshconn.Bounded(comment)})
	return err == nil && bytes.EqualFold(bytes.TrimSpace(answers[0]), []byte("yes"))
}
