package transport

import (
	"bytes"
	"net/netip"

	"github.com/mosha-ssh/mosha/internal/sshconn"
	"github.com/mosha-ssh/mosha/internal/sshconn/knownhosts"
	"golang.org/x/crypto/ssh"
)

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

// show shows a known key, as ssh does with VisualHostKey where it has nothing
// else to say of it (sshconnect.c, check_host_key).
func (h *hostKeys) show(r knownhosts.Result, key ssh.PublicKey) {
	newAddress := r.Address != nil && r.Address.Status == knownhosts.Unknown
	if h.tell != nil && h.cfg.VisualHostKey && !h.cfg.IsHushed() && !newAddress {
		h.tell(sshconn.Notice{Kind: sshconn.NoticeHostKey, Key: fingerprintFor(h.cfg, key), Text: randomArt(h.cfg, key)})
	}
}

// unknown asks a person, if that is what StrictHostKeyChecking says, and writes
// the key down.
func (h *hostKeys) unknown(remote netip.AddrPort, r knownhosts.Result, key ssh.PublicKey) error {
	if h.wasAccepted(key) {
		return nil
	}
	// As for ssh, nothing is written beside an authority that only the command knows.
	byCommand := r.CertProblem != "" && r.CertOrigin == knownhosts.FromCommand
	if !h.writable() || byCommand {
		return h.refuse(sshconn.KeyUnwritable, key, r)
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

// addressDiffers decides about a key that is the host's, or is to be, and not
// that of its address.
func (h *hostKeys) addressDiffers(r knownhosts.Result, key ssh.PublicKey) error {
	switch h.cfg.StrictHostKeyChecking {
	case "no":
		h.note(sshconn.Note{Kind: sshconn.NoteAddress, KeyType: keyTypeName(key), Address: r.Address.Name, File: r.Address.File, Line: r.Address.Line})
		return nil
	case "ask":
		if h.wasAccepted(key) {
			return nil
		}
		if h.ask == nil {
			return h.refuse(sshconn.KeyAddress, key, r)
		}
		yes, err := h.askAddress(r, key)
		if yes {
			h.result.accepted = key
		}
		if err != nil || yes {
			return err
		}
	}
	return h.refuse(sshconn.KeyAddress, key, r)
}

// add writes the key down. Failing to is no reason to stop, as for ssh.
func (h *hostKeys) add(key ssh.PublicKey, names knownhosts.Names) {
	note := sshconn.Note{Kind: sshconn.NoteAdded, KeyType: keyTypeName(key), File: h.cfg.UserKnownHostsFiles[0]}
	if names != knownhosts.NameOnly {
		note.Address = h.host.AddressName()
	}
	if err := knownhosts.Append(note.File, h.host, names, key, h.cfg.HashKnownHosts); err != nil {
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
