package hostkey

import (
	"bytes"

	"golang.org/x/crypto/ssh"

	"github.com/mosha-ssh/mosha/internal/sshconn"
	"github.com/mosha-ssh/mosha/internal/sshconn/hostkey/knownhosts"
	"github.com/mosha-ssh/mosha/internal/sshconn/pubkey"
)

// unknown asks a person, if that is what StrictHostKeyChecking says, and writes
// the key down.
func (v *Verifier) unknown(r knownhosts.Result, key ssh.PublicKey) error {
	if v.wasAccepted(key) {
		v.untold = key
		return nil
	}
	if !v.writable() {
		return v.refuse(sshconn.KeyUnwritable, key, r)
	}
	if err := v.confirm(r, key); err != nil {
		return err
	}
	v.add(key)
	v.untold = key
	return nil
}

// wasAccepted reports whether a person accepted the key on an earlier
// connection, and is not asked again: a connection that comes back by itself
// can ask nobody, and the files need not know the key.
func (v *Verifier) wasAccepted(key ssh.PublicKey) bool {
	if v.accepted == nil || v.cfg.StrictHostKeyChecking == "yes" || !bytes.Equal(v.accepted.Marshal(), key.Marshal()) {
		return false
	}
	v.log.Debug().Msg("host key was accepted before")
	v.verdict.Accepted = key
	return true
}

// writable reports whether there is a file and a name to write a key down with.
// Without, ssh takes no key that is not known.
func (v *Verifier) writable() bool {
	return len(v.cfg.UserKnownHostsFiles) > 0 && v.host.Recordable()
}

// changed refuses a key that is not the known one, or lets it pass without
// trusting it, if StrictHostKeyChecking is no.
func (v *Verifier) changed(r knownhosts.Result, key ssh.PublicKey) error {
	if v.cfg.StrictHostKeyChecking != "no" {
		return v.refuse(sshconn.KeyChanged, key, r)
	}
	v.log.Warn().Str("file", r.File).Int("line", r.Line).Str("fingerprint", ssh.FingerprintSHA256(pubkey.Plain(key))).
		Msg("host key has changed, and is not trusted: StrictHostKeyChecking is no")
	v.verdict.Unverified = true
	v.note(sshconn.Note{Kind: sshconn.NoteChanged, KeyType: pubkey.Name(pubkey.Plain(key)), File: r.File, Line: r.Line})
	return nil
}

// add writes the key down. Failing to is no reason to stop, as for ssh.
func (v *Verifier) add(key ssh.PublicKey) {
	note := sshconn.Note{Kind: sshconn.NoteAdded, KeyType: pubkey.Name(key), File: v.cfg.UserKnownHostsFiles[0]}
	if err := knownhosts.Append(note.File, v.host, key, v.cfg.HashKnownHosts); err != nil {
		note.Kind, note.Reason = sshconn.NoteNotAdded, err.Error()
	}
	v.log.Info().Str("file", note.File).Str("host", v.host.Name()).Str("fingerprint", ssh.FingerprintSHA256(key)).
		Str("failed", note.Reason).Msg("host key added to known_hosts")
	if !v.cfg.IsHushed() {
		v.note(note)
	}
}

func (v *Verifier) note(n sshconn.Note) {
	n.Host = v.host.Name()
	v.verdict.Notes = append(v.verdict.Notes, n)
}
