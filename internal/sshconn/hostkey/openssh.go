package hostkey

import (
	"errors"
	"regexp"
	"strings"

	"golang.org/x/crypto/ssh"

	"github.com/mosha-ssh/mosha/internal/sshconn"
	"github.com/mosha-ssh/mosha/internal/sshconn/hostkey/knownhosts"
	"github.com/mosha-ssh/mosha/internal/sshconn/pubkey"
)

// Over the OpenSSH transport the Verifier judges the server's key when it goes
// by, and ssh judges it after that. ssh may know less: a key that could not be
// written down, or that the server's address spares. It is told of that
// (Untold). It may know more, too: what the DNS says (VerifyHostKeyDNS yes) or
// KnownHostsCommand; and it draws the key that it asks about (VisualHostKey).
// Then it decides about a key that the files do not vouch for:
//
//	deferred --ssh asks--> yes: accepted by a person
//	     |          \-----> no: ssh ends
//	     \--ssh connects without asking--> something else vouches for it, or it
//	                                       was new to ssh, which then says so
//
// A key that the files call changed is left to ssh only where more than files may
// vouch for one, and a revoked key never is.

// LeaveToSSH leaves to ssh what it knows more of.
func (v *Verifier) LeaveToSSH() {
	v.vouched = v.cfg.VerifyHostKeyDNS == "yes" || v.cfg.KnownHostsCommand != ""
	v.drawn = v.cfg.VisualHostKey
	v.lists = digest(v.cfg.RevokedHostKeys)
}

// Untold returns the known_hosts line by which ssh accepts the key that was
// accepted here, "" where ssh has to know of the key from elsewhere.
func (v *Verifier) Untold() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.untold == nil {
		return ""
	}
	return "* " + string(ssh.MarshalAuthorizedKey(v.untold))
}

// StrictAnyway stands for StrictHostKeyChecking no where ssh may let a key pass
// without anybody here knowing that it is not the known one.
const StrictAnyway = "accept-new"

// Strict is what ssh is to have for StrictHostKeyChecking.
func (v *Verifier) Strict() string { return v.cfg.StrictHostKeyChecking }

// Left reports whether ssh was to decide about the key, and may have written it
// down.
func (v *Verifier) Left() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.left
}

// Answer answers ssh's question whether the host has the key that it showed.
// about is false where the question is another one. The error is that of Ask,
// or ErrNoAnswer.
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
		v.letWrite()
		v.verdict.Accepted, v.deferred = key, nil
	}
	v.declined = err == nil && !yes
	return yes, true, err
}

// letWrite prepares the file in which ssh may write the key down.
func (v *Verifier) letWrite() {
	if len(v.cfg.UserKnownHostsFiles) > 0 {
		knownhosts.EndLine(v.cfg.UserKnownHostsFiles[0])
	}
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
	f.RevokedLists = v.lists
}
