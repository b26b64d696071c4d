//go:build linux

package transport

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/mosha-ssh/mosha/internal/lab"
	"github.com/mosha-ssh/mosha/internal/lab/labtest"
)

// optionsForSSH are options about host keys for which OpenSSH carries the connection.
var optionsForSSH = map[string][]string{
	"drawn":              {"VisualHostKey yes"},
	"no list":            {"RevokedHostKeys {none}"},
	"revoked":            {"RevokedHostKeys {list}"},
	"lost list":          {"RevokedHostKeys {dir}/lost"},
	"command":            {"KnownHostsCommand /bin/cat {printed}"},
	"silent command":     {"KnownHostsCommand /bin/true"},
	"command that fails": {"KnownHostsCommand /bin/false"},
	"command and list":   {"KnownHostsCommand /bin/cat {printed}", "RevokedHostKeys {list}"},
}

// TestHostKeyOptionsAsSSH: with the options for which OpenSSH carries the connection,
// what becomes of a key, and of known_hosts, is what ssh itself does.
func TestHostKeyOptionsAsSSH(t *testing.T) {
	t.Parallel()
	o := newOracle(t, lab.SshdConfig{HostKeys: []string{"ed25519"}, Extra: []string{"HostCertificate {dir}/host-cert.pub"}})
	ca := o.newKey("ca", "ed25519")
	key := strings.TrimPrefix(o.lines()["ssh-ed25519"], " ")
	other := o.others()["ssh-ed25519"]
	o.write("none", "")
	o.write("list", key)
	o.write("printed", o.name+" "+key)
	known := map[string]string{
		"known": o.name + " " + key, "unknown": "", "changed": o.name + other, "marked": "@revoked * " + key,
		"by authority": "@cert-authority * " + o.read("ca.pub"), "other key, by authority": o.name + other + "@cert-authority * " + o.read("ca.pub"),
	}
	r := labtest.Rand(t)
	for _, name := range []string{"127.0.0.1", "elsewhere"} { // good, and for another host
		o.run("ssh-keygen", "-q", "-s", ca, "-I", "host", "-h", "-n", name, o.write("host.pub", key))
		if err := o.sshd.Restart(); err != nil {
			t.Fatal(err)
		}
		for _, c := range optionCases(r, known) {
			if t.Failed() {
				return
			}
			config := append([]string{"StrictHostKeyChecking " + c.strict, "NoHostAuthenticationForLocalhost " + c.local, "HashKnownHosts no"}, o.placed(optionsForSSH[c.option])...)
			o.compare(fmt.Sprintf("%s, %+v", name, c), map[string]string{"known_hosts": known[c.known]}, config...)
		}
	}
}

// optionCase is a row of TestHostKeyOptionsAsSSH.
type optionCase struct{ option, known, strict, local string }

// optionCases returns 6 of all cases, 60 where tables are whole, or as many as
// MOSHA_CASES says.
func optionCases(r *rand.Rand, known map[string]string) (cases []optionCase) {
	for _, option := range slices.Sorted(maps.Keys(optionsForSSH)) {
		for _, about := range slices.Sorted(maps.Keys(known)) {
			for _, strict := range []string{"yes", "ask", "accept-new", "no"} {
				for _, local := range []string{"no", "no", "yes"} {
					cases = append(cases, optionCase{option, about, strict, local})
				}
			}
		}
	}
	r.Shuffle(len(cases), func(i, j int) { cases[i], cases[j] = cases[j], cases[i] })
	n := labtest.Number(6, 60)
	if given, err := strconv.Atoi(os.Getenv("MOSHA_CASES")); err == nil {
		n = given
	}
	return cases[:min(n, len(cases))]
}

// placed puts the site's files into lines.
func (o *oracle) placed(lines []string) (placed []string) {
	files := strings.NewReplacer("{dir}", o.dir, "{none}", o.path("none"), "{list}", o.path("list"), "{printed}", o.path("printed"))
	for _, line := range lines {
		placed = append(placed, files.Replace(line))
	}
	return placed
}
