package hostkey

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"

	"github.com/mosha-ssh/mosha/internal/sshconfig"
	"github.com/mosha-ssh/mosha/internal/sshconn"
	"github.com/mosha-ssh/mosha/internal/sshconn/hostkey/knownhosts"
	"github.com/mosha-ssh/mosha/internal/sshconn/pubkey"
)

// Requests of OpenSSH's PROTOCOL, section 2.5.
const (
	hostKeysRequest = "hostkeys-00@openssh.com"
	proveRequest    = "hostkeys-prove-00@openssh.com"
)

// maxOfferedKeys bounds the keys of one offer: a server has three or four.
const maxOfferedKeys = 64

// Updater learns the server's other host keys over a connection whose key is
// known from one of the user's files, and forgets those that it no longer has
// (UpdateHostKeys; clientloop.c, client_input_hostkeys).
//
//	sshd --hostkeys-00: its keys--> compare --nothing new, or too complex--> done
//	                                   |--none to learn, some gone--> write
//	                                   `--hostkeys-prove-00--> each signed? --> write
type Updater struct {
	cfg  *sshconfig.Config
	keys *Verifier
	conn ssh.Conn
	// Send is conn's SendRequest. A caller may put a clock around it.
	Send SendRequest
	seen bool // an offer came; only the first counts
}

// SendRequest is ssh.Conn's SendRequest.
type SendRequest func(name string, wantReply bool, payload []byte) (ok bool, reply []byte, err error)

// Updater returns what learns over the connection for which the key was accepted,
// nil where nothing may be learned.
func (v *Verifier) Updater(conn ssh.Conn) *Updater {
	v.mu.Lock()
	defer v.mu.Unlock()
	if !v.updatable || v.cfg.UpdateHostKeys == sshconfig.UpdateNo {
		return nil
	}
	return &Updater{cfg: v.cfg, keys: v, conn: conn, Send: conn.SendRequest}
}

// Asks reports whether a person is asked, and is there.
func (u *Updater) Asks() bool {
	return u != nil && u.cfg.UpdateHostKeys == sshconfig.UpdateAsk && u.keys.ask != nil
}

// Unasked reports whether a request of the server is an offer that is taken
// without asking.
func (u *Updater) Unasked(r *ssh.Request) bool {
	return u.IsOffer(r) && u.cfg.UpdateHostKeys == sshconfig.UpdateYes
}

// IsOffer reports whether a request of the server is the first offer.
func (u *Updater) IsOffer(r *ssh.Request) bool {
	if u == nil || u.seen || r.Type != hostKeysRequest {
		return false
	}
	u.seen = true
	return true
}

// Take looks at an offer, and asks before it writes if UpdateHostKeys says so.
func (u *Updater) Take(payload []byte) {
	if err := u.offer(payload); err != nil {
		u.keys.log.Warn().Err(err).Msg("host keys are not updated")
		return
	}
	u.keys.log.Debug().Msg("offer of host keys looked at")
}

// offer takes the payload of a server's offer. What comes from the server and is
// not as it should be is an error, and changes nothing.
func (u *Updater) offer(payload []byte) error {
	offered, err := parseOffer(payload, u.accepts)
	if err != nil || len(offered) == 0 {
		return err
	}
	files := u.cfg.UserKnownHostsFiles
	update := knownhosts.PlanUpdate(files, u.keys.host, offered)
	if update.Skip != "" {
		u.keys.log.Debug().Str("reason", update.Skip).Msg("host keys are not updated")
		return nil
	}
	if update, err = u.prove(update); err != nil {
		return err
	}
	if u.cfg.UpdateHostKeys == sshconfig.UpdateAsk {
		yes, err := u.keys.put(sshconn.HostKeyQuestion{
			Kind: sshconn.AskUpdate, Host: u.keys.host.Name(), Learned: nameKeys(u.cfg, update.New), Removed: nameKeys(u.cfg, update.Old),
		})
		if err != nil || !yes {
			return err
		}
	}
	u.keys.log.Info().Str("learned", keysText(update.New)).Str("removed", keysText(update.Old)).
		Str("host", u.keys.host.Name()).Msg("host keys updated")
	return update.Apply(files, u.keys.host, u.cfg.HashKnownHosts)
}

func keysText(keys []ssh.PublicKey) string {
	var all []string
	for _, key := range nameKeys(&sshconfig.Config{}, keys) {
		all = append(all, key.Type+" "+key.Fingerprint)
	}
	return strings.Join(all, ", ")
}

// accepts reports whether HostKeyAlgorithms and RequiredRSASize allow the key.
func (u *Updater) accepts(key ssh.PublicKey) bool {
	return pubkey.LongEnough(key, u.cfg.RequiredRSASize) &&
		slices.ContainsFunc(u.cfg.HostKeyAlgorithms, func(name string) bool { return pubkey.TypeOf(name) == key.Type() })
}

// parseOffer reads a list of public keys, each a string. Keys of unknown types,
// certificates and what is not accepted are left out. Errors are *ProtocolError.
func parseOffer(payload []byte, accepts func(ssh.PublicKey) bool) ([]ssh.PublicKey, error) {
	bad := func(format string, args ...any) error {
		return &sshconn.ProtocolError{Phase: hostKeysRequest, Message: fmt.Sprintf(format, args...)}
	}
	var keys []ssh.PublicKey
	for n := 0; len(payload) > 0; n++ {
		blob, rest, ok := cutString(payload)
		if !ok {
			return nil, bad("key %d is cut short", n)
		}
		if n == maxOfferedKeys {
			return nil, bad("more than %d keys", maxOfferedKeys)
		}
		payload = rest
		key, err := ssh.ParsePublicKey(blob)
		if err != nil || !bytes.Equal(key.Marshal(), blob) {
			continue
		}
		if _, isCert := key.(*ssh.Certificate); isCert || !accepts(key) {
			continue
		}
		if slices.ContainsFunc(keys, func(k ssh.PublicKey) bool { return bytes.Equal(k.Marshal(), blob) }) {
			return nil, bad("key %d comes twice", n)
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// prove makes the server sign with each key that is to be learned, which are in
// the order of the offer. One that signs with an RSA algorithm that is too weak
// is left out.
func (u *Updater) prove(update knownhosts.Update) (knownhosts.Update, error) {
	if len(update.New) == 0 {
		return update, nil
	}
	var request []byte
	for _, key := range update.New {
		request = appendString(request, key.Marshal())
	}
	ok, reply, err := u.Send(proveRequest, true, request)
	if err != nil {
		return update, err
	}
	if !ok {
		return update, errUnproven
	}
	weak, err := checkProofs(reply, u.conn.SessionID(), update.New, u.rsaAlgorithm())
	return update.Without(weak), err
}

// errUnproven reports that the server would not prove that its keys are its own.
var errUnproven = errors.New("the server did not prove its host keys")

// rsaAlgorithm is the algorithm of the key exchange if that is RSA's, "" if not.
func (u *Updater) rsaAlgorithm() string {
	negotiated, ok := u.conn.(ssh.AlgorithmsConnMetadata)
	if !ok {
		return ""
	}
	if name := pubkey.SignatureAlgorithm(negotiated.Algorithms().HostKey); pubkey.TypeOf(name) == ssh.KeyAlgoRSA {
		return name
	}
	return ""
}

// checkProofs checks the signatures in a server's reply, one for each key. An RSA
// key has to sign as in the key exchange, if that was with RSA, else with SHA-2;
// keys that do not in the latter case are returned. Errors are *ProtocolError.
func checkProofs(reply, sessionID []byte, keys []ssh.PublicKey, rsaAlgorithm string) (weak []ssh.PublicKey, err error) {
	bad := func(i int) error {
		return &sshconn.ProtocolError{Phase: proveRequest, Message: fmt.Sprintf("bad signature of key %d (%s)", i, keys[i].Type())}
	}
	for i, key := range keys {
		blob, rest, ok := cutString(reply)
		if !ok {
			return nil, bad(i)
		}
		reply = rest
		var signature ssh.Signature
		if ssh.Unmarshal(blob, &signature) != nil {
			return nil, bad(i)
		}
		if key.Type() == ssh.KeyAlgoRSA {
			if rsaAlgorithm == "" && signature.Format != ssh.KeyAlgoRSASHA256 && signature.Format != ssh.KeyAlgoRSASHA512 {
				weak = append(weak, key)
				continue
			}
			if rsaAlgorithm != "" && signature.Format != rsaAlgorithm {
				return nil, bad(i)
			}
		}
		if key.Verify(proofData(sessionID, key), &signature) != nil {
			return nil, bad(i)
		}
	}
	if len(reply) != 0 {
		return nil, &sshconn.ProtocolError{Phase: proveRequest, Message: "more signatures than keys"}
	}
	return weak, nil
}

// proofData is what a server signs to prove that it has a key.
func proofData(sessionID []byte, key ssh.PublicKey) []byte {
	data := appendString(nil, []byte(proveRequest))
	data = appendString(data, sessionID)
	return appendString(data, key.Marshal())
}

// cutString reads a string (RFC 4251, section 5).
func cutString(b []byte) (s, rest []byte, ok bool) {
	var field struct {
		Value []byte
		Rest  []byte `ssh:"rest"`
	}
	err := ssh.Unmarshal(b, &field)
	return field.Value, field.Rest, err == nil
}

// appendString writes one.
func appendString(b, s []byte) []byte {
	return append(b, ssh.Marshal(struct{ Value []byte }{s})...)
}
