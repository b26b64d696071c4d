//go:build linux

package transport

import (
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/mosha-ssh/mosha/internal/lab"
	"github.com/mosha-ssh/mosha/internal/sshconn"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// TestRevokedHostKeysAsSSH compares lists, and KRLs that ssh-keygen made.
func TestRevokedHostKeysAsSSH(t *testing.T) {
	t.Parallel()
	o := newOracle(t, lab.SshdConfig{HostKeys: []string{"ed25519", "rsa"}})
	mine, rsaKey := strings.TrimPrefix(o.lines()["ssh-ed25519"], " "), strings.TrimPrefix(o.lines()["ssh-rsa"], " ")
	o.newKey("other", "ed25519")
	other := o.read("other.pub")
	krl := func(keys string) string {
		o.site.run("ssh-keygen", "-q", "-k", "-f", o.path("krl"), o.write("revoke", keys))
		return o.read("krl")
	}
	for _, test := range []struct{ name, revoked string }{
		{"nothing", ""},
		{"listed", "# x\n\n" + other + mine},
		{"another", other},
		{"another of its keys", rsaKey},
		{"no list", "host " + mine},
		{"broken after it", mine + "junk\n"},
		{"broken before it", "junk\n" + mine},
		{"KRL", krl(mine)},
		{"KRL of another", krl(other)},
		{"KRL of a fingerprint", krl("sha256: " + mine)},
		{"broken KRL", krl(mine)[:40]},
		{"only a KRL's beginning", krlMagic},
	} {
		o.compare(test.name, map[string]string{"known_hosts": o.name + o.lines()["ssh-ed25519"], "revoked": test.revoked}, "RevokedHostKeys "+o.path("revoked"))
	}
	o.compare("missing file", map[string]string{"known_hosts": o.hostKeys(o.name)}, "RevokedHostKeys /nonexistent")
	o.compare("not asked about", map[string]string{"known_hosts": "", "revoked": mine}, "RevokedHostKeys "+o.path("revoked"), "StrictHostKeyChecking accept-new")
}

// TestRevokedCertificateAsSSH revokes a host certificate in every way.
func TestRevokedCertificateAsSSH(t *testing.T) {
	t.Parallel()
	o := newOracle(t, lab.SshdConfig{Extra: []string{"HostCertificate {dir}/host-cert.pub"}})
	ca := o.newKey("ca", "ed25519")
	o.newKey("ca2", "ed25519")
	key := o.write("host.pub", strings.TrimPrefix(o.lines()["ssh-ed25519"], " "))
	o.site.run("ssh-keygen", "-q", "-s", ca, "-I", "my-id", "-z", "7", "-h", "-n", "127.0.0.1", key)
	if err := o.sshd.Restart(); err != nil {
		t.Fatal(err)
	}
	files := map[string]string{"known_hosts": "@cert-authority * " + o.read("ca.pub")}
	for _, test := range []struct{ name, spec string }{
		{"authority", o.read("ca.pub")},
		{"another authority", o.read("ca2.pub")},
		{"serial", "serial: 5-9\n"},
		{"another serial", "serial: 8\n"},
		{"id", "id: my-id\n"},
		{"key", o.read("host.pub")},
	} {
		o.site.run("ssh-keygen", "-q", "-k", "-f", o.path("krl"), "-s", ca+".pub", o.write("spec", test.spec))
		o.compare("KRL, "+test.name, files, "RevokedHostKeys "+o.path("krl"))
		if !strings.Contains(test.spec, ":") {
			files["list"] = test.spec
			o.compare("list, "+test.name, files, "RevokedHostKeys "+o.path("list"))
		}
	}
}

func TestRevokedErrors(t *testing.T) {
	s := newSite(t, lab.SshdConfig{})
	list := s.write("list", "# x\n"+strings.TrimPrefix(s.hostKeys(""), " "))
	for _, test := range []struct {
		file, problem string
		line          int
	}{
		{list, sshconn.KeyRevoked, 2},
		{"/nonexistent", sshconn.KeyUncheckable, 0},
		{s.dir, sshconn.KeyUncheckable, 0},
	} {
		_, err := s.dial(s.config("RevokedHostKeys " + test.file))
		bad := &sshconn.HostKeyError{}
		if !errors.As(err, &bad) || bad.Problem != test.problem || bad.File != test.file || bad.Line != test.line {
			t.Errorf("%s: %v", test.file, err)
		}
	}
	t.Setenv("PATH", "/nonexistent")
	if err := os.WriteFile(list, []byte(krlMagic), 0o600); err != nil {
		t.Fatal(err)
	}
	key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(s.hostKeys("")))
	if err != nil {
		t.Fatal(err)
	}
	if _, revoked, err := revokedIn(t.Context(), list, key, nil); err == nil || revoked {
		t.Errorf("without ssh-keygen: %v, %v", revoked, err)
	}
}

// TestRequiredRSASizeAsSSH compares at the border.
func TestRequiredRSASizeAsSSH(t *testing.T) {
	t.Parallel()
	o := newOracle(t, lab.SshdConfig{HostKeys: []string{"rsa"}})
	files := map[string]string{"known_hosts": o.hostKeys(o.name)}
	for _, size := range []string{"1", "1024", "3072", "3073", "16384"} {
		o.compare(size+" bits", files, "RequiredRSASize "+size)
	}
	o.compare("unknown", map[string]string{"known_hosts": ""}, "RequiredRSASize 4096", "StrictHostKeyChecking accept-new")
}

func TestLongEnough(t *testing.T) {
	for bits, want := range map[int]bool{1024: false, 2048: true} {
		private, err := rsa.GenerateKey(rand.Reader, bits)
		if err != nil {
			t.Fatal(err)
		}
		key, err := ssh.NewPublicKey(&private.PublicKey)
		if err != nil {
			t.Fatal(err)
		}
		inAgent := &agent.Key{Format: key.Type(), Blob: key.Marshal()}
		for _, key := range []ssh.PublicKey{key, &ssh.Certificate{Key: key}, inAgent} {
			if got := longEnough(key, 2048); got != want {
				t.Errorf("%T of %d bits: long enough is %v", key, bits, got)
			}
			if got := longEnough(key, 0); !got {
				t.Errorf("%T of %d bits is too short for nothing required", key, bits)
			}
		}
	}
}

// TestShortIdentityAsSSH: RequiredRSASize is for the user's keys too.
func TestShortIdentityAsSSH(t *testing.T) {
	t.Parallel()
	o := newOracle(t, lab.SshdConfig{})
	o.key = o.newKey("rsa", "rsa", "-b", "2048")
	o.authorize(o.key)
	sock := o.agent(o.key)
	for _, lines := range [][]string{nil, {"IdentityAgent " + sock}} {
		for size, want := range map[string]bool{"2048": true, "2049": false} {
			lines := append(slices.Clone(lines), "RequiredRSASize "+size, "BatchMode yes")
			out, err := exec.Command("ssh", append(o.ssh(lines...)[1:], "-n", "site", "true")...).CombinedOutput()
			if (err == nil) != want {
				t.Fatalf("ssh with %q: %v, %s", lines, err, out)
			}
			if _, err := o.site.dial(o.config(lines...)); (err == nil) != want {
				t.Errorf("Dial with %q: %v", lines, err)
			}
		}
	}
}
