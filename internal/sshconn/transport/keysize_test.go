//go:build linux

package transport

import (
	"os/exec"
	"slices"
	"testing"

	"github.com/mosha-ssh/mosha/internal/lab"
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
			if _, err := o.dial(o.config(lines...)); (err == nil) != want {
				t.Errorf("Dial with %q: %v", lines, err)
			}
		}
	}
}
