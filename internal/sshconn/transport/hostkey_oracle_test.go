//go:build linux

package transport

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/mosha-ssh/mosha/internal/lab"
	"github.com/mosha-ssh/mosha/internal/lab/labtest"
	"github.com/mosha-ssh/mosha/internal/sshconfig"
	"github.com/mosha-ssh/mosha/internal/sshconn"
	"github.com/mosha-ssh/mosha/internal/sshconn/hostkey"
	"github.com/mosha-ssh/mosha/internal/sshconn/native"
)

// oracle runs ssh and Dial against one server, with the same configuration and
// the same files, and compares what becomes of the host key and of the files.
type oracle struct {
	*site
	name    string            // as known_hosts has it
	strange map[string]string // see others
}

func newOracle(t *testing.T, config lab.SshdConfig) *oracle {
	s := newSite(t, config)
	return &oracle{site: s, name: s.knownName()}
}

var hostKeyTypes = []string{"ed25519", "rsa", "ecdsa"}

// lines returns the server's key lines without a name, by type.
func (o *oracle) lines() map[string]string {
	o.t.Helper()
	all, err := o.sshd.HostKeyLines("x")
	if err != nil {
		o.t.Fatal(err)
	}
	keys := ""
	for _, line := range all {
		_, key, _ := strings.Cut(line, " ")
		keys += " " + key + "\n"
	}
	return keyLines(keys)
}

// others returns key lines of no server, by type.
func (o *oracle) others() map[string]string {
	if o.strange == nil {
		o.strange = newKeyLines(o.site, "other")
	}
	return o.strange
}

// outcome is a verdict and what the files hold afterwards.
type outcome struct {
	verdict string
	files   string
}

// compare runs both on the files, which are restored in between and
// afterwards.
func (o *oracle) compare(about string, files map[string]string, lines ...string) {
	o.t.Helper()
	lines = append(lines, "BatchMode yes")
	o.restore(files)
	args := append(o.ssh(lines...), "-n", "site", "true")
	said, err := exec.Command(args[0], args[1:]...).CombinedOutput()
	want := outcome{o.sshVerdict(string(said), err), o.contents(files, lines)}
	o.restore(files)
	got := o.dialOutcome(files, lines)
	if o.refusedByCommand(want.verdict, got.verdict, lines) {
		got.verdict = want.verdict
	}
	switch {
	case want.verdict == sshconn.KeyRevoked:
		got.files = want.files // ssh may have written the key down all the same
	case want.verdict == "refused" && regexp.MustCompile(`^(unknown|unwritable)\b`).MatchString(got.verdict):
		got.verdict = want.verdict // ssh asks nobody, and does not say about what
	case got.verdict == sshconn.KeyCertificate && (want.verdict == sshconn.KeyStrict || want.verdict == "refused"):
		got.verdict = want.verdict // ssh says what is wrong with it, and then that the key is not known
	}
	if got != want {
		o.t.Errorf("%s\nconfiguration %q\nfiles %q\nDial: %s\nssh:  %s\nssh said %s", about, lines, files, got, want, said)
	}
}

// refusedByCommand reports whether a refusal may be KnownHostsCommand's: why is then
// known to ssh alone. Dial lets no changed key pass then, and heeds the command for
// a server on this machine, too.
func (o *oracle) refusedByCommand(want, got string, lines []string) bool {
	command := slices.ContainsFunc(lines, func(l string) bool { return strings.HasPrefix(l, "KnownHostsCommand ") })
	refused := got != "accepted" && !strings.HasPrefix(got, "unverified ")
	local := slices.Contains(lines, "NoHostAuthenticationForLocalhost yes") && got == sshconn.KeyDisputed
	return command && refused && (want != "accepted" || local)
}

// restore writes the files.
func (o *oracle) restore(files map[string]string) {
	o.t.Helper()
	for name, text := range files {
		o.write(name, text)
	}
}

func (o outcome) String() string { return fmt.Sprintf("%s, leaves %q", o.verdict, o.files) }

func (o *oracle) sshVerdict(said string, err error) string {
	host := offending.FindStringSubmatch(said)
	switch {
	case strings.Contains(said, "REVOKED HOST KEY"), strings.Contains(said, "revoked by file"):
		return sshconn.KeyRevoked
	case strings.Contains(said, "Error checking host key"):
		return sshconn.KeyUncheckable
	case strings.Contains(said, "KnownHostsCommand failed"):
		return "command"
	case strings.Contains(said, "Bad server host key: Invalid key length"):
		return sshconn.KeyShort
	case host != nil && err == nil:
		return "unverified " + host[1]
	case host != nil:
		return "changed " + host[1]
	case err == nil:
		return "accepted"
	case strings.Contains(said, "key is known for"):
		return sshconn.KeyStrict
	case strings.Contains(said, "no matching host key type found"):
		return "algorithm"
	case strings.Contains(said, "Host key verification failed"):
		return "refused"
	}
	return "ssh: " + said
}

func (o *oracle) dialOutcome(files map[string]string, lines []string) outcome {
	o.t.Helper()
	cfg := o.config(lines...)
	conn, err := o.connect(cfg)
	verdict := ""
	if err == nil {
		verdict = noteVerdict(conn.Facts().Notes)
		if conn.Facts().Unverified != strings.HasPrefix(verdict, "unverified") {
			o.t.Errorf("unverified is %v: %+v", conn.Facts().Unverified, conn.Facts().Notes)
		}
		conn.Close()
	} else {
		verdict = errorVerdict(err)
	}
	return outcome{verdict, o.contents(files, lines)}
}

// connect connects over OpenSSH where an option about host keys needs that.
func (o *oracle) connect(cfg *sshconfig.Config) (sshconn.Connection, error) {
	if hostkey.Beyond(cfg) != nil {
		return Open(o.t.Context(), cfg, over(o.t, cfg, sshconn.TransportAuto))
	}
	conn, err := native.Dial(o.t.Context(), cfg, options(cfg))
	if err != nil {
		return nil, err
	}
	return conn, nil
}

func noteVerdict(notes []sshconn.Note) string {
	for _, n := range notes {
		if n.Kind == sshconn.NoteChanged {
			return "unverified " + strconv.Itoa(n.Line)
		}
	}
	return "accepted"
}

func errorVerdict(err error) string {
	var bad *sshconn.HostKeyError
	if algorithm := (*sshconn.AlgorithmError)(nil); errors.As(err, &algorithm) {
		return "algorithm"
	}
	if !errors.As(err, &bad) {
		return fmt.Sprintf("%T %v", err, err)
	}
	if bad.Problem == sshconn.KeyChanged {
		return "changed " + strconv.Itoa(bad.Line)
	}
	return bad.Problem
}

// contents returns what the files hold. Of hashed names, it is what they are
// found by.
func (o *oracle) contents(files map[string]string, lines []string) string {
	text := ""
	for _, name := range slices.Sorted(func(yield func(string) bool) {
		for name := range files {
			yield(name)
		}
	}) {
		now := o.read(name)
		if slices.Contains(lines, "HashKnownHosts yes") && now != files[name] {
			now = strconv.Itoa(strings.Count(now, "\n")) + " lines"
			if out, err := exec.Command("ssh-keygen", "-F", o.name, "-f", o.path(name)).Output(); err == nil {
				now += "\n" + regexp.MustCompile(`line \d+`).FindString(string(out))
			}
		}
		text += name + ":\n" + now
	}
	return text
}

func oneOf(r *rand.Rand, from ...string) string { return from[r.IntN(len(from))] }

// TestHostKeysAsSSH makes files and configurations by chance.
func TestHostKeysAsSSH(t *testing.T) {
	t.Parallel()
	o := newOracle(t, lab.SshdConfig{HostKeys: hostKeyTypes})
	compareByChance(t, o)
}

// TestHostCertificatesAsSSH has a server with a certificate, good or bad.
func TestHostCertificatesAsSSH(t *testing.T) {
	t.Parallel()
	o := newOracle(t, lab.SshdConfig{HostKeys: []string{"ed25519", "rsa"}, Extra: []string{"HostCertificate {dir}/host-cert.pub"}})
	ca := o.newKey("ca", "ed25519")
	key := o.write("host.pub", strings.TrimPrefix(o.lines()["ssh-ed25519"], " "))
	for _, sign := range [][]string{{"-n", "127.0.0.1"}, {"-n", "elsewhere,127.0.0.1"}, {"-n", "other"}, {"-n", "127.0.0.1", "-V", "20200101:20200102"}} {
		o.run("ssh-keygen", append([]string{"-q", "-s", ca, "-I", "host", "-h"}, append(sign, key)...)...)
		if err := o.sshd.Restart(); err != nil {
			t.Fatal(err)
		}
		compareByChance(t, o, " "+o.read("ca.pub"), " "+o.read("ca.pub"))
	}
}

// compareByChance compares 20 cases, or 4 unless tables are whole, or as many as
// MOSHA_CASES says. Authorities are further keys that known_hosts may have; with
// some, there are 6 cases, or 1.
func compareByChance(t *testing.T, o *oracle, authorities ...string) {
	cases := labtest.Number(4, 20)
	if len(authorities) > 0 {
		cases = labtest.Number(1, 6)
	}
	if n, err := strconv.Atoi(os.Getenv("MOSHA_CASES")); err == nil {
		cases = n
	}
	r := labtest.Rand(t)
	g := generator{Rand: r, o: o, host: o.lines(), other: o.others(), authorities: authorities}
	for i := range cases {
		if t.Context().Err() != nil || t.Failed() {
			return
		}
		o.compare(fmt.Sprintf("case %d", i), g.files(), g.config()...)
	}
}

// generator makes known_hosts files of lines that often are about the server.
type generator struct {
	*rand.Rand
	o           *oracle
	host, other map[string]string // key lines by type
	authorities []string
}

func (g *generator) files() map[string]string {
	revoked := ""
	if g.IntN(6) == 0 {
		revoked = strings.TrimPrefix(g.key(), " ")
	}
	written := g.file() // ssh 9.2 would append to a last line without an end
	if written != "" && !strings.HasSuffix(written, "\n") {
		written += "\n"
	}
	return map[string]string{"known_hosts": written, "second": g.file(), "global": g.file(), "printed": g.file(), "revoked": revoked}
}

func (g *generator) file() string {
	text := ""
	for range g.IntN(4) {
		text += g.line()
	}
	// After a last line that is but a name and does not end, ssh 9.2 takes what
	// it has read before for the key.
	if last := text[strings.LastIndexByte(strings.TrimSuffix(text, "\n"), '\n')+1:]; g.IntN(4) == 0 && strings.Contains(last, " ") {
		text = strings.TrimSuffix(text, "\n")
	}
	return text
}

func (g *generator) line() string {
	names := []string{g.o.name, g.o.name, g.o.name, "*", "elsewhere", "!" + g.o.name + ",*", "[127.0.*]:*", "127.0.0.1"}
	marker := oneOf(g.Rand, "", "", "", "", "", "", "@revoked ", "@cert-authority ", "# ", "@what ")
	if len(g.authorities) > 0 && g.IntN(3) == 0 {
		return oneOf(g.Rand, "@cert-authority ", "@cert-authority ", "@cert-authority ", "@revoked ", "") + oneOf(g.Rand, names...) + oneOf(g.Rand, g.authorities...)
	}
	return marker + oneOf(g.Rand, names...) + g.key()
}

func (g *generator) key() string {
	keyType := oneOf(g.Rand, "ssh-ed25519", "ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256")
	if g.IntN(3) == 0 {
		return oneOf(g.Rand, g.other[keyType], g.other[keyType], " ssh-ed25519 AAAA\n", " ssh-frob AAAA\n", "\n")
	}
	return cmp.Or(g.host[keyType], "\n")
}

func (g *generator) config() []string {
	known := []string{g.o.path("known_hosts"), g.o.path("second")}[:1+g.IntN(2)]
	lines := []string{
		"StrictHostKeyChecking " + oneOf(g.Rand, "yes", "yes", "yes", "ask", "accept-new", "no"),
		"UserKnownHostsFile " + oneOf(g.Rand, strings.Join(known, " "), strings.Join(known, " "), strings.Join(known, " "), "none"),
		"GlobalKnownHostsFile " + oneOf(g.Rand, g.o.path("global"), "none"),
		"HashKnownHosts " + oneOf(g.Rand, "yes", "no"),
	}
	if g.IntN(4) == 0 {
		lines = append(lines, "KnownHostsCommand "+oneOf(g.Rand, "/bin/cat ", "/bin/cat ", "/bin/cat ", "/bin/no ", "/bin/false ", "cat ")+g.o.path("printed"))
	}
	if g.IntN(4) == 0 {
		lines = append(lines, "RevokedHostKeys "+g.o.path("revoked"))
	}
	if g.IntN(8) == 0 {
		lines = append(lines, "VisualHostKey yes")
	}
	if g.IntN(3) == 0 {
		lines = append(lines, "HostKeyAlgorithms "+oneOf(g.Rand, "-ssh-ed25519*", "rsa-sha2-512,ssh-ed25519", "+ssh-rsa", "^rsa-sha2-256", "ecdsa-sha2-nistp256"))
	}
	if g.IntN(5) == 0 {
		lines = append(lines, "NoHostAuthenticationForLocalhost yes")
	}
	if g.IntN(4) == 0 {
		lines = append(lines, "HostKeyAlias elsewhere")
	}
	return lines
}
