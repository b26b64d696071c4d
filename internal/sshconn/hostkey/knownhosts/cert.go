package knownhosts

import (
	"slices"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/mosha-ssh/mosha/internal/text"
)

// certProblem says why a certificate from a known authority is not good for h,
// "" if it is (sshkey.c, sshkey_cert_check_host). As in OpenSSH from 10.3 on, a
// certificate without principals is refused, and wildcards in them count.
func certProblem(h Host, cert *ssh.Certificate, now time.Time) string {
	if cert.CertType != ssh.HostCert {
		return "not a host certificate"
	}
	if unix := uint64(now.Unix()); unix < cert.ValidAfter {
		return "not yet valid"
	} else if unix >= cert.ValidBefore {
		return "expired"
	}
	if len(cert.ValidPrincipals) == 0 {
		return "no principals"
	}
	principal := slices.IndexFunc(cert.ValidPrincipals, func(p string) bool { return text.Match(p, h.principal()) })
	if principal < 0 {
		return "name is not a listed principal"
	}
	if len(cert.CriticalOptions) != 0 {
		return "unsupported critical options"
	}
	if algos := h.CASignatureAlgorithms; len(algos) > 0 && !slices.Contains(algos, cert.Signature.Format) {
		return "signed with disallowed algorithm"
	}
	checker := ssh.CertChecker{Clock: func() time.Time { return now }}
	if err := checker.CheckCert(cert.ValidPrincipals[principal], cert); err != nil {
		return "bad signature"
	}
	return ""
}
