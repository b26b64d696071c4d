package transport

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mosha-ssh/mosha/internal/sshconfig"
	"github.com/mosha-ssh/mosha/internal/sshconn"
	"github.com/mosha-ssh/mosha/internal/sshconn/knownhosts"
	"golang.org/x/crypto/ssh"
)

// Requests of OpenSSH's PROTOCOL, section 2.5.
const (
	hostKeysRequest = "hostkeys-00@openssh.com"
	proveRequest    = "hostkeys-prove-00@openssh.com"
)

// maxOfferedKeys bounds the keys of one offer: a server has three or four.
const maxOfferedKeys = 64

// updater learns the server's other host keys over a connection whose key is
// known from one of the user's files, and forgets those that it no longer has
// (UpdateHostKeys; clientloop.c, client_input_hostkeys).
//
//	sshd --hostkeys-00: its keys--> compare --nothing new, or too complex--> done
//	                                   |--none to learn, some gone--> write
//	                                   `--hostkeys-prove-00--> each signed? --> write
type updater struct {
	cfg  *sshconfig.Config
	keys *hostKeys
	conn ssh.Conn
	send sendRequest // conn's, with a clock while Dial waits for it
	seen bool        // an offer came; only the first counts
}

// sendRequest is ssh.Conn's SendRequest.
type sendRequest func(name string, wantReply bool, payload []byte) (ok bool, reply []byte, err error)

func newUpdater(keys *hostKeys, conn ssh.Conn) *updater {
	return &updater{cfg: keys.cfg, keys: keys, conn: conn, send: conn.SendRequest}
}

// isOffer says whether a request of the server is the first offer.
func (u *updater) isOffer(r *ssh.Request) bool {
	if u == nil || u.seen || r.Type != hostKeysRequest {
		return false
	}
	u.seen = true
	return true
}

// take looks at an offer, and asks before it writes if UpdateHostKeys says so.
func (u *updater) take(payload []byte) {
	if err := u.offer(payload); err != nil {
		u.keys.log.Warn().Err(err).Msg("host keys are not updated")
		return
	}
	u.keys.log.Debug().Msg("offer of host keys looked at")
}

// serveRequests answers the server's global requests until the connection ends:
// none is served but an offer of host keys, on which nothing else waits.
func (c *Conn) serveRequests() {
	var updates sync.WaitGroup
	defer updates.Wait()
	for r := range c.Requests {
		if c.updater.isOffer(r) && c.updater.cfg.UpdateHostKeys == sshconfig.UpdateYes {
			updates.Go(func() { c.updater.take(r.Payload) })
		}
		refuse(r)
	}
}

func refuse(r *ssh.Request) {
	if r.WantReply {
		_ = r.Reply(false, nil)
	}
}

// updateFirst has UpdateHostKeys=ask ask while there is somebody. No clock runs
// for the person. An update that fails is no error, but a *TimeoutError, after
// which there is no connection.
func (d *dialer) updateFirst(c *Conn) error {
	if c.updater == nil || d.cfg.UpdateHostKeys != sshconfig.UpdateAsk || d.keys.ask == nil {
		return nil
	}
	d.watch.stop()
	d.silence.end()
	if r := c.awaitOffer(d.limit); r != nil {
		refuse(r)
		enough := c.refuseAll()
		defer enough()
		c.updater.send = d.inLimit(c.updater.send)
		c.updater.take(r.Payload)
	}
	return d.overdue()
}

// refuseAll answers what the server asks for until the returned function is
// called. What nobody takes holds up the answers to our own requests, and a
// person may take longer than sshd waits for one (ClientAliveCountMax).
func (c *Conn) refuseAll() (enough func()) {
	over := make(chan struct{})
	go func() {
		for {
			select {
			case <-over: // also when there is more to take
				return
			default:
			}
			select {
			case <-over:
				return
			case r := <-c.Requests:
				if r == nil {
					return
				}
				refuse(r)
			case offered := <-c.NewChannels:
				if offered == nil {
					return
				}
				_ = offered.Reject(ssh.Prohibited, "")
			}
		}
	}()
	return func() { close(over) }
}

// inLimit lets the connection be closed when the answer takes too long.
func (d *dialer) inLimit(send sendRequest) sendRequest {
	return func(name string, wantReply bool, payload []byte) (bool, []byte, error) {
		d.watch.start(d.limit, d.limit)
		ok, reply, err := send(name, wantReply, payload)
		d.watch.stop()
		if late := d.overdue(); late != nil {
			return false, nil, late
		}
		return ok, reply, err
	}
}

// awaitOffer returns the server's offer, nil if it makes none. sshd makes it when
// it lets us in, so that it is there before the answer to a request.
func (c *Conn) awaitOffer(limit time.Duration) *ssh.Request {
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		_ = c.RoundTrip() // where it fails, the connection is gone
	}()
	expired := time.NewTimer(limit)
	defer expired.Stop()
	for over := false; !over || len(c.Requests) > 0; {
		select {
		case r := <-c.Requests:
			if r == nil || c.updater.isOffer(r) {
				return r
			}
			refuse(r)
		case <-answered:
			over, answered = true, nil
		case <-expired.C:
			return nil
		}
	}
	return nil
}

// offer takes the payload of a server's offer. What comes from the server and is
// not as it should be is an error, and changes nothing.
func (u *updater) offer(payload []byte) error {
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

// accepts says whether HostKeyAlgorithms and RequiredRSASize allow the key.
func (u *updater) accepts(key ssh.PublicKey) bool {
	return longEnough(key, u.cfg.RequiredRSASize) &&
		slices.ContainsFunc(u.cfg.HostKeyAlgorithms, func(name string) bool { return knownhosts.KeyType(name) == key.Type() })
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

// prove has the server sign with each key that is to be learned, which are in
// the order of the offer. One that signs with an RSA algorithm that is too weak
// is left out.
func (u *updater) prove(update knownhosts.Update) (knownhosts.Update, error) {
	if len(update.New) == 0 {
		return update, nil
	}
	var request []byte
	for _, key := range update.New {
		request = appendString(request, key.Marshal())
	}
	ok, reply, err := u.send(proveRequest, true, request)
	if err != nil {
		return update, err
	}
	if !ok {
		return update, errUnproven
	}
	weak, err := checkProofs(reply, u.conn.SessionID(), update.New, u.rsaAlgorithm())
	return update.Without(weak), err
}

// errUnproven says that the server would not prove that its keys are its own.
var errUnproven = errors.New("the server did not prove its host keys")

// rsaAlgorithm is the algorithm of the key exchange if that is RSA's, "" if not.
func (u *updater) rsaAlgorithm() string {
	negotiated, ok := u.conn.(ssh.AlgorithmsConnMetadata)
	if !ok {
		return ""
	}
	if name := knownhosts.SignatureAlgorithm(negotiated.Algorithms().HostKey); knownhosts.KeyType(name) == ssh.KeyAlgoRSA {
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
