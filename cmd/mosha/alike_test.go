//go:build linux

package main_test

import (
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/mosha-ssh/mosha/internal/lab"
	"github.com/mosha-ssh/mosha/internal/lab/labtest"
)

// row is a feature of ssh_config, of ssh's command line or of the server. It
// is tried with ssh and with mosha, which have to succeed, or fail, alike.
type row struct {
	name string
	// typical marks a row that stands for others.
	typical bool
	// config is what ~/.ssh/config begins with. What follows it has the user's
	// name and that box is the devbox.
	config string
	ssh    string // options of ssh, as in --ssh
	by     string // what is run, with what is in front of it; ssh, if it is empty
	dest   string // box, if it is empty
	// prepare does what else is to be there.
	prepare func(*seat)
	// probe is a command that prints there what the feature leads to. Without one
	// it is enough to log in.
	probe string
	// shows is what the probe prints; empty: whatever ssh has it print.
	shows string
	// says and hushes are patterns of what ssh, or mosha, tells a person on standard
	// error, and of what it does not. Not for a row with a probe.
	says, hushes []string
	// native marks a feature that does not work over OpenSSH, as is documented.
	native bool
	// fails is the code with which mosha ends where neither gets in; over OpenSSH
	// it may be another.
	fails int
}

// seat is a person on the laptop, with an account on the devbox, who tries one
// row after the other and begins each with a fresh home.
type seat struct {
	*world
	site *site
	set  []string // variables
	end  []func() // what prepare wants done after the row
}

// site is what all seats share: servers that each are particular in some way.
type site struct {
	lab     *lab.Lab
	mosha   string
	local   netip.Addr // of the devbox, link-local
	key     lab.Key    // of everybody
	private string
	ca      lab.Key              // signs keys of users and hosts
	oddKey  string               // of a host, with an exponent of more than 24 bits
	known   []string             // lines for known_hosts
	sshds   map[string]*lab.Sshd // by what is particular
	hop     *lab.Machine
	jumper  *lab.User // on the hop
	seats   chan *seat
}

// seats is how many rows are tried at once.
const seats = 8

// TestAsSSH is the table of what mosha has in common with ssh, whatever carries
// its connection.
func TestAsSSH(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, r := range slices.Concat(slowRows, configRows, hostKeyRows, saidRows, authRows, askedRows, routeRows, sessionRows) {
		if r.typical || labtest.Whole {
			t.Run(r.name, func(t *testing.T) {
				t.Parallel()
				s.try(t, r)
			})
		}
	}
}

// try takes a seat for a row.
func (s *site) try(t *testing.T, r row) {
	p := <-s.seats
	defer func() { s.seats <- p }()
	p.world = p.at(t)
	p.reset()
	defer p.leave()
	if r.prepare != nil {
		r.prepare(p)
	}
	p.must(p.me.WriteFile(".ssh/config", p.fill(r.config)+p.fill("\nHost *\n User {user}\nHost box\n HostName devbox\n"), 0o600))
	before := p.learned()
	want := p.withSSH(r)
	learned := p.learned()
	for _, transport := range r.transports() {
		p.must(p.me.WriteFile(".ssh/known_hosts", before, 0o600))
		got := p.withMosha(r, transport)
		if got != want {
			t.Errorf("mosha, %s: %q\nssh: %q", transport, got, want)
		}
		if now := p.learned(); shape(now) != shape(learned) {
			t.Errorf("known_hosts after mosha, %s:\n%s\nafter ssh:\n%s", transport, now, learned)
		}
		p.nobodyLeft()
	}
}

func (r row) transports() []string {
	if r.native {
		return []string{"auto"}
	}
	return []string{"auto", "openssh"}
}

// at is the seat's world for another test.
func (p *seat) at(t *testing.T) *world {
	w := *p.world
	w.t = t
	return &w
}

// leave ends what prepare began.
func (p *seat) leave() {
	p.showLogs()
	for _, end := range p.end {
		end()
	}
	for _, name := range p.set {
		p.me.Unsetenv(name)
	}
	p.set, p.end = nil, nil
}

// reset gives the person the home that every row begins with: a key that the
// devbox and the hop let in, which is in no agent, and the servers' host keys.
func (p *seat) reset() {
	p.t.Helper()
	for _, u := range []*lab.User{p.me, p.dev} {
		p.must(u.Command(p.ctx(), "find", ".", "-mindepth", "1", "-delete").Run())
	}
	p.must(p.me.WriteFile(".ssh/id_ed25519", p.site.private, 0o600))
	p.must(p.me.WriteFile(".ssh/id_ed25519.pub", p.site.key.Pub+"\n", 0o644))
	p.must(p.me.WriteFile(".ssh/known_hosts", strings.Join(p.site.known, "\n")+"\n", 0o600))
	p.must(p.dev.Authorize(p.site.key.Pub))
}

// fill puts names and addresses for what stands in braces.
func (p *seat) fill(text string) string {
	l := p.site.lab
	return strings.NewReplacer(
		"{user}", p.dev.Name, "{me}", p.me.Name, "{home}", p.me.Home, "{hop}", p.site.jumper.Name,
		"{dev4}", l.Devbox.Addr().String(), "{dev6}", l.Devbox.Addr6().String(), "{local}", p.site.local.String(),
		"{me4}", l.Laptop.Addr().String(), "{everybody}", p.site.key.Pub, "{ca}", p.site.ca.Pub, "{odd}", p.site.oddKey,
	).Replace(text)
}

// withSSH logs in with ssh and returns what the probe printed; "failed" if it
// did not come to that.
func (p *seat) withSSH(r row) string {
	p.t.Helper()
	args := append(strings.Fields(p.fill(r.ssh)), p.dest(r), "true")
	if r.probe != "" {
		args[len(args)-1] = "sh -c '" + r.probe + "'"
	}
	by := strings.Fields(p.fill(cmp.Or(r.by, "ssh")))
	cmd := p.me.Command(p.ctx(), by[0], append(by[1:], args...)...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if failed := err != nil; failed != (r.fails != 0) {
		p.t.Fatalf("ssh: %v, which is not what the row is about: %s", err, stderr.String())
	}
	r.heard(p, "ssh", stderr.String())
	if r.fails != 0 {
		return "failed"
	}
	if got := strings.TrimSpace(string(out)); r.shows == "" || got == r.shows {
		return got
	}
	p.t.Fatalf("ssh printed %q, which is not what the row is about: %q", out, r.shows)
	return ""
}

// heard checks what a person was told.
func (r row) heard(p *seat, by, text string) {
	p.t.Helper()
	for _, pattern := range r.says {
		if !regexp.MustCompile("(?m)" + p.fill(pattern)).MatchString(text) {
			p.t.Errorf("%s does not say %s:\n%s", by, pattern, text)
		}
	}
	for _, pattern := range r.hushes {
		if regexp.MustCompile("(?m)" + p.fill(pattern)).MatchString(text) {
			p.t.Errorf("%s says %s:\n%s", by, pattern, text)
		}
	}
}

func (p *seat) dest(r row) string {
	if r.dest == "" {
		return "box"
	}
	return p.fill(r.dest)
}

// withMosha is withSSH with mosha, over one of its transports.
func (p *seat) withMosha(r row, transport string) string {
	p.t.Helper()
	ssh := "--ssh=" + strings.TrimSpace(p.fill(cmp.Or(r.by, "ssh")+" "+r.ssh))
	if r.probe != "" {
		return p.inSession(r.probe, "--transport="+transport, ssh, p.dest(r))
	}
	_, stderr, code := p.local("--setup-only", "--transport="+transport, ssh, p.dest(r))
	r.heard(p, "mosha, "+transport, stderr)
	switch {
	case code == 0:
		return ""
	case code == r.fails, r.fails != 0 && transport == "openssh":
		return "failed"
	}
	return fmt.Sprintf("exit status %d: %s", code, stderr)
}

// inSession runs the probe as a session's command.
func (p *seat) inSession(probe string, args ...string) string {
	p.t.Helper()
	args = append(args, "--", "sh", "-c", "{ "+probe+"; } >probed 2>&1; mv probed answer")
	window := p.runSized(200, 24, args...)
	if code, err := window.Wait(p.ctx()); err != nil || code != 0 {
		return fmt.Sprintf("exit status %d, %v:\n%s", code, err, window.Screen())
	}
	answer, err := p.dev.ReadFile("answer")
	p.must(errors.Join(err, p.dev.Command(p.ctx(), "rm", "answer").Run()))
	return strings.TrimSpace(answer)
}

// learned is what known_hosts has.
func (p *seat) learned() string {
	text, err := p.me.ReadFile(".ssh/known_hosts")
	p.must(err)
	return text
}

// shape is known_hosts without its salts, by which no two writers agree.
func shape(known string) string {
	var lines []string
	for line := range strings.Lines(known) {
		if strings.HasPrefix(line, "|1|") {
			_, rest, _ := strings.Cut(line, " ")
			line = "hashed " + rest
		}
		lines = append(lines, strings.TrimSpace(line))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// nobodyLeft waits until nothing of mosha's runs for the person.
func (p *seat) nobodyLeft() {
	p.t.Helper()
	p.must(p.me.WaitGone(p.ctx(), "mosha keeper"))
	if left := p.listing(p.me, `ls -A "$XDG_RUNTIME_DIR"`); strings.Contains(left, "mosha") {
		p.t.Errorf("left in the runtime directory: %s", left)
	}
}

// newSite starts the servers and takes the seats.
func newSite(t *testing.T) *site {
	t.Helper()
	l := labtest.New(t)
	s := &site{lab: l, sshds: make(map[string]*lab.Sshd), seats: make(chan *seat, seats)}
	w := &world{t: t, lab: l}
	var err error
	s.mosha, err = lab.BuildMosha(l.Path(""))
	w.must(err)
	s.hop, err = l.AddMachine("hop.lab")
	w.must(err)
	_, err = l.Laptop.AddLinkLocal()
	w.must(err)
	s.local, err = l.Devbox.AddLinkLocal()
	w.must(err)
	s.jumper, err = s.hop.AddUser("bash")
	w.must(err)
	s.key, err = s.jumper.NewKey("everybody", "ed25519")
	w.must(err)
	s.private, err = s.jumper.ReadFile(".ssh/everybody")
	w.must(err)
	w.must(s.jumper.Authorize(s.key.Pub))
	s.ca, err = s.jumper.NewKey("ca", "ed25519")
	w.must(err)
	// A canonical name is looked up with a dot at its end.
	w.must(appendTo(l.Path("hosts"), s.hop.Addr().String()+" hop.lab.\n"))
	s.startServers(w)
	for range seats {
		p := &seat{world: &world{t: t, lab: l, mosha: s.mosha}, site: s}
		p.me, err = l.Laptop.AddUser("bash")
		w.must(err)
		p.dev, err = l.Devbox.AddUser("bash")
		w.must(err)
		w.must(p.dev.SetPassword(rightPassword))
		s.seats <- p
	}
	return s
}

// startServers starts an sshd for each particularity, and on the hop.
func (s *site) startServers(w *world) {
	w.t.Helper()
	start := func(name string, m *lab.Machine, config lab.SshdConfig, names ...string) {
		sshd, err := m.Sshd(config)
		w.must(err)
		s.sshds[name] = sshd
		if len(names) > 0 {
			lines, err := sshd.HostKeyLines(names...)
			w.must(err)
			s.known = append(s.known, lines...)
		}
	}
	devbox := []string{"devbox", "devbox4", "devbox6", s.lab.Devbox.Addr().String(), s.lab.Devbox.Addr6().String()}
	start("usual", s.lab.Devbox, lab.SshdConfig{Extra: []string{"AcceptEnv *"}}, devbox...)
	start("another port", s.lab.Devbox, lab.SshdConfig{Port: 2201}, devbox...)
	start("few algorithms", s.lab.Devbox, lab.SshdConfig{Port: 2202, HostKeys: []string{"rsa"}, Extra: []string{
		"Ciphers aes128-ctr", "MACs hmac-sha1", "KexAlgorithms ecdh-sha2-nistp384",
		"HostKeyAlgorithms rsa-sha2-256,rsa-sha2-512", "PubkeyAcceptedAlgorithms ssh-ed25519,rsa-sha2-512",
	}}, devbox...)
	start("stranger", s.lab.Devbox, lab.SshdConfig{Port: 2203})
	start("all host keys", s.lab.Devbox, lab.SshdConfig{Port: 2204, HostKeys: []string{"rsa", "ecdsa", "ed25519"}}, devbox...)
	start("password too", s.lab.Devbox, lab.SshdConfig{Port: 2206, Extra: []string{"PasswordAuthentication yes"}}, devbox...)
	start("key and password", s.lab.Devbox, lab.SshdConfig{Port: 2207, Extra: []string{
		"PasswordAuthentication yes", "AuthenticationMethods publickey,password",
	}}, devbox...)
	banner := s.lab.Path("banner")
	w.must(os.WriteFile(banner, []byte(theBanner), 0o644))
	start("banner", s.lab.Devbox, lab.SshdConfig{Port: 2208, Extra: []string{"Banner " + banner}}, devbox...)
	cert := s.lab.Path("host-cert.pub")
	start("certified", s.lab.Devbox, lab.SshdConfig{Port: 2205, Extra: []string{
		"HostCertificate " + cert, "TrustedUserCAKeys " + s.ca.Path + ".pub",
	}})
	lines, err := s.sshds["certified"].HostKeyLines("devbox")
	w.must(err)
	_, public, _ := strings.Cut(lines[0], " ")
	w.must(os.WriteFile(cert, []byte(s.certify(w, public, "-h", "-n", "devbox")), 0o644))
	w.must(s.sshds["certified"].Restart())
	s.known = append(s.known, "@cert-authority [devbox]:2205 "+s.ca.Pub)
	odd := s.lab.Path("odd-host-key")
	out, err := exec.Command("openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_pubexp:33554467", "-out", odd).CombinedOutput()
	if err != nil {
		w.t.Fatalf("openssl: %v: %s", err, out)
	}
	start("odd host key", s.lab.Devbox, lab.SshdConfig{Port: 2209, Extra: []string{"HostKey " + odd, "HostKeyAlgorithms rsa-sha2-512"}})
	out, err = exec.Command("ssh-keygen", "-y", "-f", odd).Output()
	w.must(err)
	s.oddKey = strings.TrimSpace(string(out))
	oddCert := s.lab.Path("odd-cert.pub") // as ssh-keygen names it
	start("certified by an odd key", s.lab.Devbox, lab.SshdConfig{Port: 2211, Extra: []string{"HostCertificate " + oddCert}})
	lines, err = s.sshds["certified by an odd key"].HostKeyLines("devbox")
	w.must(err)
	_, public, _ = strings.Cut(lines[0], " ")
	w.must(os.WriteFile(s.lab.Path("odd.pub"), []byte(public+"\n"), 0o600))
	w.must(exec.Command("ssh-keygen", "-q", "-s", odd, "-I", "lab", "-h", "-n", "devbox", s.lab.Path("odd.pub")).Run())
	w.must(s.sshds["certified by an odd key"].Restart())
	start("hop", s.hop, lab.SshdConfig{}, "hop.lab", "hop.lab4", "hop.lab6")
	start("hop, another port", s.hop, lab.SshdConfig{Port: 2201}, "hop.lab")
	start("strange hop", s.hop, lab.SshdConfig{Port: 2203})
}

// certify signs a public key, with ssh-keygen's further arguments.
func (s *site) certify(w *world, public string, args ...string) string {
	w.t.Helper()
	name := "to-sign-" + strings.ToLower(rand.Text())
	w.must(s.jumper.WriteFile(name+".pub", public+"\n", 0o600))
	args = append([]string{"-q", "-s", s.ca.Path, "-I", "lab"}, append(args, name+".pub")...)
	out, err := s.jumper.Command(w.ctx(), "ssh-keygen", args...).CombinedOutput()
	if err != nil {
		w.t.Fatalf("ssh-keygen: %v: %s", err, out)
	}
	cert, err := s.jumper.ReadFile(name + "-cert.pub")
	w.must(err)
	return cert
}

func appendTo(path, text string) error {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

// file writes a file in the person's home, for prepare.
func file(path, content string) func(*seat) {
	return func(p *seat) { p.must(p.me.WriteFile(path, p.fill(content), 0o600)) }
}

// all does one thing after the other.
func all(steps ...func(*seat)) func(*seat) {
	return func(p *seat) {
		for _, step := range steps {
			step(p)
		}
	}
}

// env sets a variable for ssh and mosha.
func env(name, value string) func(*seat) {
	return func(p *seat) {
		p.me.Setenv(name, p.fill(value))
		p.set = append(p.set, name)
	}
}

// moveKey gives the key another name.
func moveKey(to string) func(*seat) {
	return func(p *seat) {
		to := p.me.Path(p.fill(to))
		script := `mkdir -p "$(dirname "$1")"; mv .ssh/id_ed25519 "$1"; mv .ssh/id_ed25519.pub "$1.pub"`
		p.must(p.me.Command(p.ctx(), "sh", "-ec", script, "sh", to).Run())
	}
}

// agentHasKey puts the key, and what other keys are named, into an agent at
// ~/agent, and leaves no key file.
func agentHasKey(p *seat) {
	agent, err := p.me.Agent()
	p.must(err)
	p.end = append(p.end, func() { _ = agent.Stop() })
	p.must(agent.Add(lab.Key{Path: p.me.Path(".ssh/id_ed25519")}))
	p.must(p.me.Command(p.ctx(), "sh", "-ec", `rm .ssh/id_ed25519 .ssh/id_ed25519.pub; ln -s "$1" agent`, "sh", agent.Sock).Run())
}

// agentInEnv is agentHasKey, with SSH_AUTH_SOCK.
var agentInEnv = all(agentHasKey, env("SSH_AUTH_SOCK", filepath.Join("{home}", "agent")))
