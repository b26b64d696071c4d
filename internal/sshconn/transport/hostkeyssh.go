package transport

import (
	"errors"

	"github.com/mosha-ssh/mosha/internal/sshconn"
	"github.com/mosha-ssh/mosha/internal/sshconn/knownhosts"
)

// Over the OpenSSH transport the server's key is judged when it goes by
// (masterrelay.go), and by ssh after that, which may know less: a key that could
// not be written down, or that another file has. VerifyHostKeyDNS yes is ssh's
// alone: it then decides about what the files do not vouch for, and this is what
// becomes of that.
//
//	deferred --ssh asks--> yes: accepted by a person
//	     |          \-----> no: ssh ends
//	     \--ssh connects without asking--> vouched for by the DNS

// answerSSH answers ssh's question whether the host has the key that it showed.
// The error is that of Ask, or ErrNoAnswer.
func (h *hostKeys) answerSSH() (yes bool, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.result.deferred == nil:
		return true, nil // it was accepted here
	case h.ask == nil:
		return false, sshconn.ErrNoAnswer
	}
	key := plainKey(h.pinned)
	yes, err = h.askUnknown(h.remote, *h.result.deferred, key)
	if asked := (*askError)(nil); errors.As(err, &asked) {
		err = asked.error
	}
	if yes {
		h.result.accepted, h.result.deferred = key, nil
	}
	return yes, err
}

// refusedBySSH says why an ssh has ended that did not accept the key.
func (h *hostKeys) refusedBySSH(declined bool) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	r := h.result.deferred
	switch {
	case h.pinned == nil:
		return errUnseen
	case r == nil:
		return h.refuse(sshconn.KeyDisputed, h.pinned, knownhosts.Result{})
	case r.Status == knownhosts.Changed:
		return h.refuse(sshconn.KeyChanged, h.pinned, *r)
	case declined:
		return h.refuse(sshconn.KeyDeclined, h.pinned, *r)
	case h.cfg.StrictHostKeyChecking == "yes":
		return h.refuse(sshconn.KeyStrict, h.pinned, *r)
	}
	return h.refuse(sshconn.KeyUnknown, h.pinned, *r)
}

// fill adds what is known of the key of a connection that is there.
func (h *hostKeys) fill(f *sshconn.Facts) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f.HostKey, f.Accepted, f.Unverified, f.Notes = h.pinned, h.result.accepted, h.result.unverified, h.result.notes
	f.ByDNS = h.result.deferred != nil
}
