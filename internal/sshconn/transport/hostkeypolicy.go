package transport

import (
	"bytes"
	"net/netip"

	"github.com/mosha-ssh/mosha/internal/sshconn"
	"github.com/mosha-ssh/mosha/internal/sshconn/knownhosts"
	"golang.org/x/crypto/ssh"
)

// unknown asks a person, if that is what StrictHostKeyChecking says, and writes
// the key down.
func (h *hostKeys) unknown(remote netip.AddrPort, r knownhosts.Result, key ssh.PublicKey) error {
	if h.wasAccepted(key) {
		return nil
	}
	if !h.writable() {
		return h.refuse(sshconn.KeyUnwritable, key, r)
	}
	if err := h.confirm(remote, r, key); err != nil {
		return err
	}
	h.add(key)
	return nil
}

// wasAccepted says whether a person accepted the key on an earlier connection, and
// is not to be asked again: a connection that comes back by itself can ask nobody,
// and the files need not know the key.
func (h *hostKeys) wasAccepted(key ssh.PublicKey) bool {
	if h.accepted == nil || h.cfg.StrictHostKeyChecking == "yes" || !bytes.Equal(h.accepted.Marshal(), key.Marshal()) {
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
		return h.refuse(sshconn.KeyChanged, key, r)
	}
	h.log.Warn().Str("file", r.File).Int("line", r.Line).Str("fingerprint", ssh.FingerprintSHA256(plainKey(key))).
		Msg("host key has changed, and is not trusted: StrictHostKeyChecking is no")
	h.result.unverified = true
	h.note(sshconn.Note{Kind: sshconn.NoteChanged, KeyType: keyTypeName(plainKey(key)), File: r.File, Line: r.Line})
	return nil
}

// add writes the key down. Failing to is no reason to stop, as for ssh.
func (h *hostKeys) add(key ssh.PublicKey) {
	note := sshconn.Note{Kind: sshconn.NoteAdded, KeyType: keyTypeName(key), File: h.cfg.UserKnownHostsFiles[0]}
	if err := knownhosts.Append(note.File, h.host, key, h.cfg.HashKnownHosts); err != nil {
		note.Kind, note.Reason = sshconn.NoteNotAdded, err.Error()
	}
	h.log.Info().Str("file", note.File).Str("host", h.host.Name()).Str("fingerprint", ssh.FingerprintSHA256(key)).
		Str("failed", note.Reason).Msg("host key added to known_hosts")
	if !h.cfg.IsHushed() {
		h.note(note)
	}
}

func (h *hostKeys) note(n sshconn.Note) {
	n.Host = h.host.Name()
	h.result.notes = append(h.result.notes, n)
}
