//go:build linux

package transport

import (
	"crypto/rand"
	"crypto/rsa"
	"os/exec"
	"slices"
	"testing"

	"github.com/mosha-ssh/mosha/internal/lab"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

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
