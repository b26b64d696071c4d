//go:build linux

package transport

import (
	"errors"
	"strings"
	"testing"

	"github.com/mosha-ssh/mosha/internal/lab"
	"github.com/mosha-ssh/mosha/internal/sshconn"
)

// TestUnreadableCertificate: of a certificate that only ssh can read, ssh
// decides, unless it would take any.
func TestUnreadableCertificate(t *testing.T) {
	s := newSite(t, lab.SshdConfig{Extra: []string{"HostCertificate {dir}/host-cert.pub"}})
	ca := s.path("ca")
	s.run("openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_pubexp:33554467", "-out", ca)
	_, public, _ := strings.Cut(s.hostKeys("x"), " ")
	s.write("host.pub", public)
	s.run("ssh-keygen", "-q", "-s", ca, "-I", "host", "-h", s.path("host.pub"))
	if err := s.sshd.Restart(); err != nil {
		t.Fatal(err)
	}
	known := s.write("known", "@cert-authority "+s.knownName()+" "+s.run("ssh-keygen", "-y", "-f", ca))
	none := s.write("none", "")
	for name, c := range map[string]struct {
		config []string
		in     bool
	}{
		"known authority":            {[]string{"UserKnownHostsFile " + known}, true},
		"nobody to ask":              {[]string{"UserKnownHostsFile " + none}, false},
		"strict":                     {[]string{"UserKnownHostsFile " + none, "StrictHostKeyChecking yes"}, false},
		"new":                        {[]string{"UserKnownHostsFile " + s.write("new", ""), "StrictHostKeyChecking accept-new"}, true},
		"unknown, and any is taken":  {[]string{"UserKnownHostsFile " + none, "StrictHostKeyChecking no"}, false},
		"known, though any is taken": {[]string{"UserKnownHostsFile " + known, "StrictHostKeyChecking no"}, false},
	} {
		cfg := s.config(c.config...)
		conn, err := Open(t.Context(), cfg, over(t, cfg, sshconn.TransportAuto))
		var protocol *sshconn.ProtocolError
		var key *sshconn.HostKeyError
		switch {
		case c.in && err != nil:
			t.Errorf("%s: %v", name, err)
		case !c.in && !errors.As(err, &protocol) && !errors.As(err, &key):
			t.Errorf("%s: %v", name, err)
		}
		if err == nil {
			if facts := conn.Facts(); facts.HostKey != nil || facts.Choice.Transport != sshconn.TransportOpenSSH {
				t.Errorf("%s: %+v", name, facts)
			}
			_ = conn.Close()
		}
	}
}
