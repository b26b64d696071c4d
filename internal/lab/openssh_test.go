//go:build linux && openssh

package lab_test

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/mosha-ssh/mosha/internal/lab"
	"github.com/mosha-ssh/mosha/internal/lab/labtest"
)

// The names of both sides' programs, as they tell them to each other.
var spoken = regexp.MustCompile(`(?s)Local version string SSH-2.0-OpenSSH_(\S+ \S+).*remote software version OpenSSH_(\S+ \S+)`)

// TestOtherOpenSSH lets both sides have the other OpenSSH, and each alone.
func TestOtherOpenSSH(t *testing.T) {
	t.Parallel()
	// As 1_10.0p1-7+deb13u4.
	other := regexp.MustCompile(`^\d_([\d.]+)p\d-(\S+)$`).FindStringSubmatch(filepath.Base(os.Getenv("MOSHA_OPENSSH")))
	if other == nil {
		t.Fatalf("scripts/with-openssh does not run this: MOSHA_OPENSSH is %q", os.Getenv("MOSHA_OPENSSH"))
	}
	isOther := regexp.MustCompile(`^` + regexp.QuoteMeta(other[1]) + `p\d Debian-` + regexp.QuoteMeta(other[2]) + `$`).MatchString
	for _, test := range []struct {
		name           string
		laptop, devbox bool
	}{
		{"both", true, true},
		{"client", true, false},
		{"server", false, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			l := labtest.New(t)
			if !test.laptop {
				check(t, l.Laptop.SystemOpenSSH())
			}
			if !test.devbox {
				check(t, l.Devbox.SystemOpenSSH())
			}
			p := newPairIn(t, l, lab.SshdConfig{})
			said := spoken.FindStringSubmatch(output(t, p.person, "ssh", "-v", p.at("devbox"), "true"))
			if said == nil || isOther(said[1]) != test.laptop || isOther(said[2]) != test.devbox {
				t.Errorf("client and server are %q", said)
			}
			version := "OpenSSH_" + regexp.QuoteMeta(other[1])
			for _, side := range []struct {
				machine *lab.Machine
				program string
				other   bool
			}{{l.Laptop, "ssh", test.laptop}, {l.Devbox, "sshd", test.devbox}} {
				out, _ := side.machine.Command(within(t), side.program, "-V").CombinedOutput()
				t.Logf("%s -V: %s", side.program, out)
				if regexp.MustCompile(version).Match(out) != side.other {
					t.Errorf("%s is %q", side.program, out)
				}
			}
			if p.sshd.Version().AtLeast(9, 8) != test.devbox {
				t.Errorf("the sshd is taken for %v", p.sshd.Version())
			}
			stayed := p.stay(t, "1001")
			check(t, p.sshd.KillSessions())
			if err := stayed.Wait(); err == nil {
				t.Error("the session ended well")
			}
		})
	}
}
