//go:build linux

package main_test

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/mosha-ssh/mosha/internal/lab"
	"github.com/mosha-ssh/mosha/internal/lab/labtest"
)

// realm is a Kerberos realm with its own KDC on the devbox.
type realm struct {
	world *world
	env   []string // of the KDC's programs
}

// ticketPassword is that of all principals.
const ticketPassword = "sesame"

// newRealm starts the KDC. The devbox and the laptop know the realm from now on,
// and the devbox has the key of its server. All of it ends with the lab.
func newRealm(t *testing.T, l *lab.Lab) *realm {
	t.Helper()
	w := &world{t: t, lab: l}
	w.must(os.Mkdir(l.Path("kdc"), 0o700))
	config := `[libdefaults]
 default_realm = LAB
 default_keytab_name = FILE:` + l.Path("kdc/keytab") + `
 dns_lookup_kdc = false
 dns_lookup_realm = false
 dns_canonicalize_hostname = false
 rdns = false
[realms]
 LAB = {
  kdc = ` + l.Devbox.Addr().String() + `
  database_name = ` + l.Path("kdc/principals") + `
  key_stash_file = ` + l.Path("kdc/stash") + `
 }
`
	for _, m := range []*lab.Machine{l.Laptop, l.Devbox} {
		w.must(m.Replace("/etc/krb5.conf", config, 0o644))
	}
	w.must(os.WriteFile(l.Path("kdc/kdc.conf"), []byte("[kdcdefaults]\n"), 0o600))
	r := &realm{world: w, env: append(os.Environ(), "KRB5_KDC_PROFILE="+l.Path("kdc/kdc.conf"))}
	r.run("kdb5_util", "create", "-s", "-P", ticketPassword)
	r.run("kadmin.local", "-q", "addprinc -randkey host/devbox")
	r.run("kadmin.local", "-q", "ktadd host/devbox")
	kdc := l.Devbox.Command(context.Background(), "krb5kdc", "-n")
	kdc.Env = r.env
	w.must(kdc.Start())
	t.Cleanup(func() {
		_ = kdc.Process.Kill()
		_ = kdc.Wait()
	})
	return r
}

// run runs one of the KDC's programs.
func (r *realm) run(name string, args ...string) {
	r.world.t.Helper()
	cmd := r.world.lab.Devbox.Command(r.world.ctx(), name, args...)
	cmd.Env = r.env
	if out, err := cmd.CombinedOutput(); err != nil {
		r.world.t.Fatalf("%s %q: %v: %s", name, args, err, out)
	}
}

// TestKerberosAsSSH goes on with the table of TestAsSSH.
func TestKerberosAsSSH(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	r := newRealm(t, s.lab)
	for range seats {
		p := <-s.seats
		r.add(p.dev.Name)
		s.seats <- p
	}
	_, err := s.lab.Devbox.Sshd(lab.SshdConfig{Port: 2210, Extra: []string{
		"GSSAPIAuthentication yes", "GSSAPIKeyExchange yes", "GSSAPIStrictAcceptorCheck no",
	}})
	r.world.must(err)
	for _, row := range kerberosRows {
		if row.typical || labtest.Whole {
			t.Run(row.name, func(t *testing.T) {
				t.Parallel()
				s.try(t, row)
			})
		}
	}
}

// add makes a principal of a user's name.
func (r *realm) add(name string) {
	r.run("kadmin.local", "-q", "addprinc -pw "+ticketPassword+" "+name)
}

// ticket gets the person one for their account on the devbox.
func ticket(p *seat) {
	kinit := p.me.Command(p.ctx(), "kinit", "-f", p.dev.Name)
	kinit.Stdin = strings.NewReader(ticketPassword + "\n")
	if out, err := kinit.CombinedOutput(); err != nil {
		p.t.Fatalf("kinit: %v: %s", err, out)
	}
	p.end = append(p.end, func() { _ = p.me.Command(p.ctx(), "kdestroy").Run() })
}

// noKeys leaves the person no key to log in with.
func noKeys(p *seat) { p.must(p.dev.Command(p.ctx(), "rm", ".ssh/authorized_keys").Run()) }

const (
	kerberized   = "Host box\n Port 2210\n GSSAPIAuthentication yes\n"
	kerberosKnow = kerberized + " StrictHostKeyChecking accept-new\n HashKnownHosts no\n"
	hasTicket    = "klist -s && echo a ticket || echo none"
)

// kerberosRows are about GSSAPI, which OpenSSH alone speaks.
var kerberosRows = []row{
	{name: "GSSAPIAuthentication", config: kerberosKnow, prepare: all(ticket, noKeys)},
	{name: "GSSAPIAuthentication without a ticket", config: kerberosKnow, prepare: noKeys, fails: noKey},
	{
		name: "GSSAPITrustDns", config: kerberized + " HostName {dev4}\n GSSAPITrustDns yes\n GSSAPIKeyExchange yes\n StrictHostKeyChecking yes\n",
		prepare: all(ticket, noKeys), probe: port, shows: "2210",
	},
	{name: "GSSAPIKeyExchange, no known key", typical: true, config: kerberized + " GSSAPIKeyExchange yes\n StrictHostKeyChecking yes\n", prepare: ticket},
	{name: "GSSAPIKeyExchange alone, no known key", config: kerberized + " GSSAPIKeyExchange yes\n StrictHostKeyChecking yes\n", prepare: all(ticket, noKeys)},
	{name: "GSSAPIKeyExchange without a ticket, no known key", config: kerberized + " GSSAPIKeyExchange yes\n StrictHostKeyChecking yes\n", fails: noHostKey},
	{name: "GSSAPIKeyExchange of a server that has it not", config: "Host box\n GSSAPIKeyExchange yes\n", prepare: ticket, probe: port, shows: "22"},
	{
		name: "GSSAPIDelegateCredentials", typical: true, config: kerberosKnow + " GSSAPIDelegateCredentials yes\n",
		prepare: ticket, probe: hasTicket, shows: "a ticket",
	},
	{
		name: "GSSAPIDelegateCredentials without a ticket", config: kerberosKnow + " GSSAPIDelegateCredentials yes\n",
		probe: hasTicket, shows: "none",
	},
	{
		name: "GSSAPIDelegateCredentials, keys preferred", config: kerberosKnow + " GSSAPIDelegateCredentials yes\n PreferredAuthentications publickey,gssapi-with-mic\n",
		prepare: ticket, probe: hasTicket, shows: "none",
	},
	{
		name: "GSSAPIDelegateCredentials, keys preferred and refused", config: kerberosKnow + " GSSAPIDelegateCredentials yes\n PreferredAuthentications publickey,gssapi-with-mic\n",
		prepare: all(ticket, noKeys), probe: hasTicket, shows: "a ticket",
	},
	{name: "GSSAPIDelegateCredentials of a server that has no GSSAPI", config: "Host box\n GSSAPIDelegateCredentials yes\n", prepare: ticket, probe: hasTicket, shows: "none"},
	{
		name: "GSSAPIKeyExchange and GSSAPIDelegateCredentials", config: kerberized + " GSSAPIKeyExchange yes\n GSSAPIDelegateCredentials yes\n StrictHostKeyChecking yes\n",
		prepare: ticket, probe: hasTicket, shows: "a ticket",
	},
}
