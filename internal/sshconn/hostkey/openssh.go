package hostkey

import (
	"errors"
	"regexp"
	"strings"

	"github.com/mosha-ssh/mosha/internal/sshconn"
	"github.com/mosha-ssh/mosha/internal/sshconn/hostkey/knownhosts"
	"github.com/mosha-ssh/mosha/internal/sshconn/pubkey"
)

// Over the OpenSSH transport the Verifier judges the server's key when it goes by,
// and ssh judges it after that. ssh may know less: a key that was not written down,
// or that another file has. It may know more, too: what the DNS says
// (VerifyHostKeyDNS yes), KnownHostsCommand or RevokedHostKeys; and it draws the key
// (VisualHostKey). Then it decides about a key that the files do not vouch for:
//
//	deferred --ssh asks--> yes: accepted by a person
//	     |          \-----> no: ssh ends
//	     \--ssh connects without asking--> something else vouches for it
//
// A key that the files call changed is left to ssh only where more than files may
// vouch for one, and a revoked key never is.

// LeaveToSSH leaves to ssh what it knows more of.
func (v *Verifier) LeaveToSSH() {
	v.bySSH = v.cfg.VisualHostKey || moreVouch(v.cfg) || len(v.cfg.RevokedHostKeys) > 0
	if v.cfg.KnownHostsCommand != "" && v.cfg.StrictHostKeyChecking == "no" {
		cfg := *v.cfg
		cfg.StrictHostKeyChecking = StrictAnyway
		v.cfg = &cfg
	}
}

// StrictAnyway stands for StrictHostKeyChecking no where ssh may let a key pass
// without anybody here knowing that it is not the known one.
const StrictAnyway = "accept-new"

// Strict is what ssh is to have for StrictHostKeyChecking.
func (v *Verifier) Strict() string { return v.cfg.StrictHostKeyChecking }

// Leaves reports whether ssh may write down a key that no file vouches for.
func (v *Verifier) Leaves() bool { return v.bySSH }

// Answer answers ssh's question whether the host has the key that it showed. about
// is false where the question is another one. The error is that of Ask, or
// ErrNoAnswer.
func (v *Verifier) Answer(question string) (yes, about bool, err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch {
	case v.pinned == nil || !strings.Contains(question, pubkey.Fingerprint(v.cfg.FingerprintHash, v.pinned)):
		return false, false, nil
	case v.deferred == nil:
		return true, true, nil // it was accepted here
	case v.ask == nil:
		return false, true, sshconn.ErrNoAnswer
	}
	key := pubkey.Plain(v.pinned)
	yes, err = v.askUnknown(*v.deferred, key, picture.FindString(question))
	if asked := (*askError)(nil); errors.As(err, &asked) {
		err = asked.error
	}
	if yes {
		v.verdict.Accepted, v.deferred = key, nil
	}
	v.declined = err == nil && !yes
	return yes, true, err
}

// picture is how ssh draws a key.
var picture = regexp.MustCompile(`(?m)^\+-.*-\+\n(\|.*\|\n)+\+-.*-\+$`)

// RefusedBySSH returns why an ssh has ended that did not accept the pinned key.
// problem and file are what ssh has said of RevokedHostKeys, "" if nothing.
func (v *Verifier) RefusedBySSH(problem, file string) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	r := v.deferred
	switch {
	case problem != "":
		return v.refuse(problem, v.pinned, knownhosts.Result{Found: knownhosts.Found{File: file}})
	case r == nil:
		return v.refuse(sshconn.KeyDisputed, v.pinned, knownhosts.Result{})
	case r.Status == knownhosts.Changed:
		return v.refuse(sshconn.KeyChanged, v.pinned, *r)
	case v.declined:
		return v.refuse(sshconn.KeyDeclined, v.pinned, *r)
	case v.cfg.StrictHostKeyChecking == "yes":
		return v.refuse(sshconn.KeyStrict, v.pinned, *r)
	case v.ask == nil:
		return v.refuse(sshconn.KeyUnknown, v.pinned, *r)
	}
	return v.refuse(sshconn.KeyDisputed, v.pinned, *r) // it did not ask
}

// Fill adds what is known of the key of a connection that is there.
func (v *Verifier) Fill(f *sshconn.Facts) {
	v.mu.Lock()
	defer v.mu.Unlock()
	f.HostKey, f.Accepted, f.Unverified, f.Notes = v.pinned, v.verdict.Accepted, v.verdict.Unverified, v.verdict.Notes
	f.BySSH = v.deferred != nil
}
