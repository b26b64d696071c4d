package transport

import (
	"errors"
	"regexp"

	"github.com/mosha-ssh/mosha/internal/sshconn"
	"github.com/mosha-ssh/mosha/internal/sshconn/knownhosts"
)

// Over the OpenSSH transport the server's key is judged when it goes by
// (masterrelay.go), and by ssh after that, which may know less: a key that could
// not be written down, or that another file has. It may know more, too: what the
// DNS says (VerifyHostKeyDNS yes), KnownHostsCommand or RevokedHostKeys; and it
// draws the key (VisualHostKey). Then it decides about a key that the files do not
// vouch for, and this is what becomes of that:
//
//	deferred --ssh asks--> yes: accepted by a person
//	     |          \-----> no: ssh ends
//	     \--ssh connects without asking--> something else vouches for it
//
// A key that the files call changed is left to ssh only where more than files may
// vouch for one, and a revoked key never is.

// leave leaves to ssh what it knows more of.
func (h *hostKeys) leave() {
	h.bySSH = h.cfg.VisualHostKey || moreVouch(h.cfg) || len(h.cfg.RevokedHostKeys) > 0
	if h.cfg.KnownHostsCommand != "" && h.cfg.StrictHostKeyChecking == "no" {
		cfg := *h.cfg
		cfg.StrictHostKeyChecking = strictAnyway
		h.cfg = &cfg
	}
}

// strictAnyway stands for StrictHostKeyChecking no where ssh may let a key pass
// without anybody here knowing that it is not the known one.
const strictAnyway = "accept-new"

// answerSSH answers ssh's question whether the host has the key that it showed.
// The error is that of Ask, or ErrNoAnswer.
func (h *hostKeys) answerSSH(question string) (yes bool, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.result.deferred == nil:
		return true, nil // it was accepted here
	case h.ask == nil:
		return false, sshconn.ErrNoAnswer
	}
	key := plainKey(h.pinned)
	yes, err = h.askUnknown(h.remote, *h.result.deferred, key, picture.FindString(question))
	if asked := (*askError)(nil); errors.As(err, &asked) {
		err = asked.error
	}
	if yes {
		h.result.accepted, h.result.deferred = key, nil
	}
	return yes, err
}

// picture is how ssh draws a key.
var picture = regexp.MustCompile(`(?m)^\+-.*-\+\n(\|.*\|\n)+\+-.*-\+$`)

// refusedBySSH says why an ssh has ended that did not accept the key, and said
// these lines before. What a server put among them can change the reason alone.
func (h *hostKeys) refusedBySSH(declined bool, lines []string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	r := h.result.deferred
	switch {
	case h.pinned == nil:
		return errUnseen
	}
	problem, file := revokedWords(lines)
	switch {
	case problem != "":
		return h.refuse(problem, h.pinned, knownhosts.Result{Found: knownhosts.Found{File: file}})
	case r == nil:
		return h.refuse(sshconn.KeyDisputed, h.pinned, knownhosts.Result{})
	case r.Status == knownhosts.Changed:
		return h.refuse(sshconn.KeyChanged, h.pinned, *r)
	case declined:
		return h.refuse(sshconn.KeyDeclined, h.pinned, *r)
	case h.cfg.StrictHostKeyChecking == "yes":
		return h.refuse(sshconn.KeyStrict, h.pinned, *r)
	case h.ask == nil:
		return h.refuse(sshconn.KeyUnknown, h.pinned, *r)
	}
	return h.refuse(sshconn.KeyDisputed, h.pinned, *r) // it did not ask
}

// fill adds what is known of the key of a connection that is there.
func (h *hostKeys) fill(f *sshconn.Facts) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f.HostKey, f.Accepted, f.Unverified, f.Notes = h.pinned, h.result.accepted, h.result.unverified, h.result.notes
	f.BySSH = h.result.deferred != nil
}
