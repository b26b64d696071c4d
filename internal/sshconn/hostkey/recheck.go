package hostkey

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"

	"github.com/mosha-ssh/mosha/internal/sshconfig"
	"github.com/mosha-ssh/mosha/internal/sshconn"
)

// Recheck decides about the host key of an open connection as a new connection
// would by another configuration of the destination, which asks, writes down
// and tells as its options say. The error is that of Dial for a key that is not
// accepted; a *HostKeyError has Open set.
func Recheck(ctx context.Context, f sshconn.Facts, cfg *sshconfig.Config, opts sshconn.Options) (Verdict, error) {
	refused := sshconn.HostKeyError{Host: Name(cfg), Open: true}
	if f.HostKey == nil {
		if f.Judged != nil && sameRules(cfg, f.Judged) && sameLists(cfg, f.RevokedLists) {
			return Verdict{}, nil
		}
		refused.Problem = sshconn.KeyUnjudged
		return Verdict{}, &refused
	}
	if onlyBySSH(cfg) && (f.Judged == nil || !sameToSSH(cfg, f.Judged)) {
		refused.Problem = sshconn.KeyUnjudged
		return Verdict{}, &refused
	}
	v := New(ctx, cfg, opts)
	v.vouched = f.BySSH && f.Judged != nil && sameRules(cfg, f.Judged)
	if f.Judged == nil || !sameFiles(cfg, f.Judged) {
		v.accepted = nil // the person knows of no such files
	}
	err := v.Check(f.Remote, f.HostKey)
	if key := (*sshconn.HostKeyError)(nil); errors.As(err, &key) {
		refused = *key
		refused.Open = true
		return Verdict{}, &refused
	}
	if err != nil {
		return Verdict{}, cmp.Or(Refusal(err), err)
	}
	if f.Unverified && !v.verdict.Unverified {
		refused.Problem = sshconn.KeyPassed
		return Verdict{}, &refused
	}
	return v.verdict, nil
}

// sameFiles reports whether two configurations know host keys from the same
// files.
func sameFiles(a, b *sshconfig.Config) bool {
	return slices.Equal(a.UserKnownHostsFiles, b.UserKnownHostsFiles) && slices.Equal(a.GlobalKnownHostsFiles, b.GlobalKnownHostsFiles)
}

// sameRules reports whether two configurations of a destination accept the same
// host keys.
func sameRules(a, b *sshconfig.Config) bool {
	type rules struct {
		strict, dns            string
		notLocalhost, kerberos bool
		size                   int
	}
	of := func(c *sshconfig.Config) rules {
		return rules{c.StrictHostKeyChecking, c.VerifyHostKeyDNS, c.NoHostAuthenticationForLocalhost, c.GSSAPIKeyExchange, c.RequiredRSASize}
	}
	return of(a) == of(b) && sameToSSH(a, b) && sameFiles(a, b) && slices.Equal(a.CASignatureAlgorithms, b.CASignatureAlgorithms)
}

// onlyBySSH reports whether the configuration refuses host keys by rules that ssh
// alone can apply, to a connection of its own.
func onlyBySSH(cfg *sshconfig.Config) bool {
	return cfg.KnownHostsCommand != "" || cfg.CheckHostIP && !cfg.HasProxy()
}

// sameToSSH reports whether two configurations have the same rules of that kind.
func sameToSSH(a, b *sshconfig.Config) bool {
	return a.KnownHostsCommand == b.KnownHostsCommand && a.CheckHostIP == b.CheckHostIP
}

// sameLists reports whether the files of RevokedHostKeys have that digest: what
// passed one of them may be in another.
func sameLists(cfg *sshconfig.Config, before string) bool {
	return len(cfg.RevokedHostKeys) == 0 || before != "" && before == digest(cfg.RevokedHostKeys)
}

// digest returns a digest of the files, "" if there are none or one cannot be
// read.
func digest(files []string) string {
	sum := ""
	for _, file := range files {
		text, err := readBounded(file)
		if err != nil {
			return ""
		}
		sum = fmt.Sprintf("%x", sha256.Sum256(append([]byte(sum), text...)))
	}
	return sum
}
