//go:build linux

package transport

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/mosha-ssh/mosha/internal/lab"
	"github.com/mosha-ssh/mosha/internal/lab/labtest"
	"github.com/mosha-ssh/mosha/internal/sshconfig"
	"github.com/mosha-ssh/mosha/internal/sshconn"
	"github.com/mosha-ssh/mosha/internal/sshconn/native"
)

const (
	testPassword   = "Pass-Word-1"
	testPassphrase = "Pass-Phrase-2"
)

// member is a person with a password on a site.
type member struct {
	*site
	user *lab.User
	// answers are what is typed, one a question; the last one is repeated.
	answers []string
}

// newUser is one who may log in with testPassword.
func newUser(t *testing.T) *lab.User {
	t.Helper()
	user, err := labtest.New(t).Devbox.AddUser("sh")
	if err == nil {
		err = user.SetPassword(testPassword)
	}
	if err != nil {
		t.Fatal(err)
	}
	return user
}

func newMember(t *testing.T, user *lab.User, sshdLines ...string) *member {
	t.Helper()
	config := lab.SshdConfig{Extra: append([]string{"PasswordAuthentication yes", "MaxAuthTries 12"}, sshdLines...)}
	m := &member{site: newSite(t, config), user: user}
	for _, dir := range []string{m.dir, filepath.Dir(m.dir)} { // sshd reads authorized_keys as the user
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(m.path("authorized_keys"), 0o644); err != nil {
		t.Fatal(err)
	}
	return m
}

// next returns the answer to the question with that number, from 0.
func (m *member) next(asked int) string { return m.answers[min(asked, len(m.answers)-1)] }

// history matches what sshd logs of each method that is tried.
var history = regexp.MustCompile(`(?m)^(Failed|Accepted|Partial|Postponed) (\S+) for .* port \d+ ssh2(.*)$`)

func (m *member) tried(offset int) string {
	m.loginSince(offset)
	var tried []string
	for _, line := range history.FindAllStringSubmatch(m.sshd.Log()[offset:], -1) {
		if line[1] != "Postponed" {
			tried = append(tried, line[1]+" "+line[2]+line[3])
		}
	}
	return strings.Join(tried, "\n")
}

// bySSH lets ssh log in, whose questions an askpass program answers, and
// returns what sshd saw and how often was asked.
func (m *member) bySSH(lines []string) (tried string, asked int) {
	m.t.Helper()
	count := m.write("count", "")
	script := "#!/bin/sh\nn=$(wc -l <" + count + ")\necho x >>" + count + "\ncase $n in\n"
	for i, answer := range m.answers {
		pattern := fmt.Sprint(i)
		if i == len(m.answers)-1 {
			pattern = "*"
		}
		script += pattern + ") echo '" + answer + "' ;;\n"
	}
	askpass := m.write("askpass", script+"esac\n")
	if err := os.Chmod(askpass, 0o700); err != nil {
		m.t.Fatal(err)
	}
	before := len(m.sshd.Log())
	args := append(m.ssh(lines...), "-n", "-N", "site")
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = append(os.Environ(), "SSH_ASKPASS="+askpass, "SSH_ASKPASS_REQUIRE=force")
	if err := cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	return m.tried(before), strings.Count(m.read("count"), "x")
}

// byDial does the same with Dial.
func (m *member) byDial(lines []string) (tried string, asked int) {
	m.t.Helper()
	return m.byUs(lines, func(cfg *sshconfig.Config, opts sshconn.Options) (io.Closer, error) {
		return native.Dial(m.t.Context(), cfg, opts)
	})
}

// byUs does the same with a function of ours. It checks that the answers are
// overwritten.
func (m *member) byUs(lines []string, open func(*sshconfig.Config, sshconn.Options) (io.Closer, error)) (tried string, asked int) {
	m.t.Helper()
	before := len(m.sshd.Log())
	cfg := m.config(lines...)
	opts := options(cfg)
	var typed [][]byte
	opts.Prompt = func(_ context.Context, p sshconn.Prompt) ([][]byte, error) {
		answer := []byte(m.next(asked))
		asked++
		typed = append(typed, answer)
		return [][]byte{answer}, nil
	}
	conn, err := open(cfg, opts)
	if err == nil {
		defer conn.Close()
	}
	for _, secret := range typed {
		if strings.Trim(string(secret), "\x00") != "" {
			m.t.Errorf("%q was not overwritten", secret)
		}
	}
	return m.tried(before), asked
}

// TestMethodsAsSSH lets ssh and Dial log in with the same configuration, person
// and server, and compares what the server saw, and how often a person was asked.
func TestMethodsAsSSH(t *testing.T) {
	user := newUser(t)
	type row struct {
		name    string
		sshd    []string
		lines   []string
		answers []string
	}
	for _, test := range labtest.Rows(12, []row{
		{"password after a key", nil, []string{"IdentityFile stranger"}, []string{testPassword}},
		{"key before a password", nil, []string{"IdentityFile id"}, []string{testPassword}},
		{"wrong, then right", nil, []string{"IdentityFile stranger"}, []string{"a", "b", testPassword}},
		{"wrong three times", nil, []string{"IdentityFile stranger"}, []string{"a", "b", "c", testPassword}},
		{"one prompt only", nil, []string{"IdentityFile stranger", "NumberOfPasswordPrompts 1"}, []string{"a", testPassword}},
		{"five prompts", nil, []string{"IdentityFile stranger", "NumberOfPasswordPrompts 5"}, []string{"a", "b", "c", "d", testPassword}},
		{"password preferred", nil, []string{"IdentityFile id", "PreferredAuthentications password,publickey"}, []string{testPassword}},
		{"password preferred, then the key", nil, []string{"IdentityFile id", "PreferredAuthentications password,publickey"}, []string{"a"}},
		{"only what is preferred", nil, []string{"IdentityFile stranger", "PreferredAuthentications publickey"}, []string{testPassword}},
		{"unknown ones preferred", nil, []string{"IdentityFile id", "PreferredAuthentications none,foo,publickey"}, []string{testPassword}},
		{"no passwords", nil, []string{"IdentityFile stranger", "PasswordAuthentication no"}, []string{testPassword}},
		{"no keys", nil, []string{"IdentityFile id", "PubkeyAuthentication no"}, []string{testPassword}},
		{"nobody to ask", nil, []string{"IdentityFile stranger", "BatchMode yes"}, []string{testPassword}},
		{"key and password", []string{"publickey,password"}, []string{"IdentityFile id"}, []string{testPassword}},
		{"key and password, the second wrong at first", []string{"publickey,password"}, []string{"IdentityFile id"}, []string{"a", testPassword}},
		{"password and key", []string{"password,publickey"}, []string{"IdentityFile id"}, []string{testPassword}},
		{"password wanted, key only", []string{"publickey,password"}, []string{"IdentityFile id", "PasswordAuthentication no"}, []string{testPassword}},
		{"two keys", []string{"publickey,publickey"}, []string{"IdentityFile id", "IdentityFile second"}, []string{testPassword}},
		{"two keys wanted, one there", []string{"publickey,publickey"}, []string{"IdentityFile id"}, []string{testPassword}},
		{"two keys and a password", []string{"publickey,publickey,password"}, []string{"IdentityFile stranger", "IdentityFile second", "IdentityFile id"}, []string{testPassword}},
		{"two keys, the first one passed over at first", []string{"publickey,publickey"}, []string{"IdentityFile locked", "IdentityFile id"}, []string{"", testPassphrase}},
		{"one of two ways", []string{"publickey,password", "password"}, []string{"IdentityFile stranger"}, []string{testPassword}},
		{"passphrase", nil, []string{"IdentityFile locked"}, []string{testPassphrase}},
		{"passphrase wrong, then right", nil, []string{"IdentityFile locked"}, []string{"a", testPassphrase}},
		{"passphrase wrong, then the password", nil, []string{"IdentityFile locked"}, []string{"a", "b", "c", testPassword}},
		{"no passphrase, next key", nil, []string{"IdentityFile locked", "IdentityFile id"}, []string{"", "x"}},
		{"no passphrase, then the password", nil, []string{"IdentityFile locked"}, []string{"", testPassword}},
		{"one passphrase only", nil, []string{"IdentityFile locked", "NumberOfPasswordPrompts 1"}, []string{"a", testPassword}},
		{"key, no prompts", nil, []string{"IdentityFile id", "NumberOfPasswordPrompts 0"}, []string{"x"}},
		{"no prompts, and no key", nil, []string{"IdentityFile stranger", "NumberOfPasswordPrompts 0"}, []string{testPassword}},
		{"no prompts for a passphrase", nil, []string{"IdentityFile locked", "NumberOfPasswordPrompts 0"}, []string{testPassphrase}},
		{"passphrase of a key that is not taken", nil, []string{"IdentityFile lockedstranger"}, []string{testPassword}},
		{"passphrase of a key without its public part", nil, []string{"IdentityFile lockedpem"}, []string{testPassphrase}},
		{"passphrase, nobody to ask", nil, []string{"IdentityFile locked", "IdentityFile id", "BatchMode yes"}, []string{testPassphrase}},
		{"damaged key", nil, []string{"IdentityFile damaged", "IdentityFile id"}, []string{"x"}},
		{"key with another's public part", nil, []string{"IdentityFile mixed", "IdentityFile id"}, []string{"x"}},
	}) {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			lines := []string{}
			if test.sshd != nil {
				lines = append(lines, "AuthenticationMethods "+strings.Join(test.sshd, " "))
			}
			m := newMember(t, user, lines...)
			m.memberKeys()
			m.answers = test.answers
			config := []string{"User " + m.user.Name}
			for _, line := range test.lines {
				config = append(config, strings.Replace(line, "IdentityFile ", "IdentityFile "+m.dir+"/", 1))
			}
			m.key = m.path("nothing") // the site's own would always be there
			want, wantAsked := m.bySSH(config)
			got, asked := m.byDial(config)
			if got != want || asked != wantAsked {
				t.Errorf("Dial, asking %d times:\n%s\nssh, asking %d times:\n%s", asked, got, wantAsked, want)
			}
		})
	}
}

// memberKeys makes the keys of TestMethodsAsSSH; the server takes those that
// are not named strangers.
func (m *member) memberKeys() {
	m.newKey("second", "ed25519")
	m.newKey("stranger", "ed25519")
	m.newKey("locked", "ed25519", "-N", testPassphrase, "-a", "1")
	m.newKey("lockedstranger", "ed25519", "-N", testPassphrase, "-a", "1")
	m.newKey("lockedpem", "ecdsa", "-N", testPassphrase, "-m", "PEM")
	m.newKey("damaged", "ed25519")
	m.newKey("mixed", "ed25519")
	m.authorize(m.path("second"), m.path("locked"), m.path("lockedpem"), m.path("damaged"), m.path("mixed"))
	if err := os.Remove(m.path("lockedpem.pub")); err != nil {
		m.t.Fatal(err)
	}
	m.write("damaged", strings.Replace(m.read("damaged"), "AAAA", "AAAB", 1))
	m.write("mixed", m.read("stranger"))
	if err := os.Chmod(m.path("authorized_keys"), 0o644); err != nil {
		m.t.Fatal(err)
	}
}

// TestOrderOfMethods: a list of the server's that changes starts over, as in
// OpenSSH's authmethod_get. TestKeyFilesAsSSH: what ssh logs in with, we do:
// every type and format, with the right and with a wrong passphrase, also those
// that only OpenSSH can decrypt.
func TestKeyFilesAsSSH(t *testing.T) {
	m := newMember(t, newUser(t))
	for _, key := range []struct {
		keyType string
		args    []string
	}{
		{"ed25519", []string{"-m", "RFC4716"}}, {"ed25519", []string{"-m", "PKCS8"}}, // PEM has none
		{"ecdsa", []string{"-m", "RFC4716", "-b", "521"}}, {"ecdsa", []string{"-m", "PEM"}}, {"ecdsa", []string{"-m", "PKCS8"}},
		{"rsa", []string{"-m", "RFC4716"}}, {"rsa", []string{"-m", "PEM"}}, {"rsa", []string{"-m", "PKCS8"}},
		{"ed25519", []string{"-Z", "aes256-gcm@openssh.com"}}, {"ed25519", []string{"-Z", "chacha20-poly1305@openssh.com"}},
	} {
		name := strings.ReplaceAll(key.keyType+strings.Join(key.args, ""), "@", "-")
		m.newKey(name, key.keyType, append(key.args, "-N", testPassphrase, "-a", "1")...)
		m.authorize(m.path(name))
		m.key = m.path("nothing")
		if err := os.Chmod(m.path("authorized_keys"), 0o644); err != nil {
			t.Fatal(err)
		}
		config := []string{"User " + m.user.Name, "IdentityFile " + m.path(name), "PasswordAuthentication no"}
		for _, answers := range [][]string{{testPassphrase}, {"wrong"}} {
			m.answers = answers
			want, wantAsked := m.bySSH(config)
			got, asked := m.byUs(config, func(cfg *sshconfig.Config, opts sshconn.Options) (io.Closer, error) {
				both := over(t, cfg, sshconn.TransportAuto)
				both.Prompt = opts.Prompt
				return Open(t.Context(), cfg, both)
			})
			if got != want || asked != wantAsked {
				t.Errorf("%s with %q: Open, asking %d times:\n%s\nssh, asking %d times:\n%s", name, answers, asked, got, wantAsked, want)
			}
			if accepted := strings.Contains(got, "Accepted"); accepted != slices.Equal(answers, []string{testPassphrase}) {
				t.Errorf("%s with %q: accepted is %v", name, answers, accepted)
			}
		}
	}
}
