//go:build linux

package transport

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rs/zerolog"
	"golang.org/x/crypto/ssh"

	"github.com/mosha-ssh/mosha/internal/child"
	"github.com/mosha-ssh/mosha/internal/lab"
	"github.com/mosha-ssh/mosha/internal/sshconfig"
	"github.com/mosha-ssh/mosha/internal/sshconn"
	"github.com/mosha-ssh/mosha/internal/sshconn/native"
)

// site is a real sshd on loopback, and a user's files for reaching it, as ssh
// and Dial both read them.
type site struct {
	t    *testing.T
	dir  string
	sshd *lab.Sshd
	key  string // an identity file that the server takes

	agents int
}

// newSite starts the sshd. {dir} in Extra stands for the site's directory.
func newSite(t *testing.T, config lab.SshdConfig) *site {
	t.Helper()
	s := &site{t: t, dir: t.TempDir()}
	config.Dir = filepath.Join(s.dir, "sshd")
	config.AuthorizedKeysFile = s.path("authorized_keys")
	if err := os.Mkdir(config.Dir, 0o700); err != nil {
		t.Fatal(err)
	}
	// Or else bash reads the start-up file of whoever tests, who logs in here.
	config.Extra = append([]string{"SetEnv SHLVL=1"}, config.Extra...)
	for i := range config.Extra {
		config.Extra[i] = strings.ReplaceAll(config.Extra[i], "{dir}", s.dir)
	}
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	sshd, err := lab.StartSshd(ctx, config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(sshd.Log())
		}
		if err := errors.Join(sshd.KillSessions(), sshd.Stop()); err != nil {
			t.Error(err)
		}
	})
	s.sshd = sshd
	s.key = s.newKey("id", "ed25519")
	s.authorize(s.key)
	s.knowHost()
	return s
}

func (s *site) path(name string) string { return filepath.Join(s.dir, name) }

func (s *site) write(name, text string) string {
	s.t.Helper()
	if err := os.WriteFile(s.path(name), []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return s.path(name)
}

func (s *site) read(name string) string {
	b, _ := os.ReadFile(s.path(name))
	return string(b)
}

func (s *site) run(name string, args ...string) string {
	s.t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		s.t.Fatalf("%s %q: %v: %s", name, args, err, out)
	}
	return string(out)
}

// newKey makes a key without passphrase unless args say -N.
func (s *site) newKey(name, keyType string, args ...string) string {
	s.t.Helper()
	file := s.path(name)
	if !strings.Contains(strings.Join(args, " "), "-N") {
		args = append(args, "-N", "")
	}
	s.run("ssh-keygen", append([]string{"-q", "-t", keyType, "-f", file, "-C", name}, args...)...)
	return file
}

func (s *site) authorize(files ...string) {
	s.t.Helper()
	all := s.read("authorized_keys")
	for _, file := range files {
		all += s.read(filepath.Base(file) + ".pub")
	}
	s.write("authorized_keys", all)
}

// hostKeys returns the server's host keys as known_hosts lines under a name.
func (s *site) hostKeys(name string) string {
	s.t.Helper()
	files, err := filepath.Glob(s.path("sshd/*.pub"))
	if err != nil || len(files) == 0 {
		s.t.Fatalf("no host keys: %v", err)
	}
	lines := ""
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			s.t.Fatal(err)
		}
		lines += name + " " + string(b)
	}
	return lines
}

func (s *site) knownName() string { return fmt.Sprintf("[127.0.0.1]:%d", s.sshd.Port) }

func (s *site) knowHost() { s.write("known_hosts", s.hostKeys(s.knownName())) }

// ssh returns an ssh command whose configuration has these lines first.
func (s *site) ssh(lines ...string) []string {
	s.t.Helper()
	config := strings.Join(lines, "\n") + fmt.Sprintf(`
HostName 127.0.0.1
Port %d
IdentityFile %s
UserKnownHostsFile %s
GlobalKnownHostsFile none
IdentityAgent none
ConnectTimeout 20
`, s.sshd.Port, s.key, s.path("known_hosts"))
	return []string{"ssh", "-F", s.write("config", config)}
}

// config resolves the destination with these lines first.
func (s *site) config(lines ...string) *sshconfig.Config {
	s.t.Helper()
	cfg, err := sshconfig.Resolve(s.t.Context(), child.Env{}, s.ssh(lines...), "site")
	if err != nil {
		s.t.Fatal(err)
	}
	return cfg
}

// options are for nobody at the terminal, with the agent of the configuration.
func options(cfg *sshconfig.Config) sshconn.Options {
	return sshconn.Options{
		Log:         zerolog.Nop(),
		AgentSocket: func() string { path, _ := cfg.AgentSocket(os.Getenv); return path },
	}
}

// dial connects, and closes at the test's end.
func (s *site) dial(cfg *sshconfig.Config) (*native.Conn, error) {
	conn, err := native.Dial(s.t.Context(), cfg, options(cfg))
	if err == nil {
		s.t.Cleanup(func() { conn.Close() })
	}
	return conn, err
}

// works runs a command over the connection.
func works(t *testing.T, conn *native.Conn) {
	t.Helper()
	client := ssh.NewClient(conn, conn.NewChannels, conn.Requests)
	session, err := client.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	out, err := session.Output("echo over-ssh")
	if err != nil || string(out) != "over-ssh\n" {
		t.Fatalf("command gave %q, %v", out, err)
	}
}

// agent starts an ssh-agent with these keys.
func (s *site) agent(keys ...string) string {
	s.t.Helper()
	s.agents++
	sock := s.path(fmt.Sprintf("agent%d", s.agents))
	cmd := exec.Command("ssh-agent", "-D", "-a", sock)
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	err := lab.Eventually(s.t.Context(), "ssh-agent listens", func() (bool, error) {
		conn, err := net.Dial("unix", sock)
		if err == nil {
			conn.Close()
		}
		return err == nil, nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
	for _, key := range keys {
		s.sshAdd(sock, key)
	}
	return sock
}

func (s *site) sshAdd(sock string, args ...string) {
	s.t.Helper()
	cmd := exec.Command("ssh-add", append([]string{"-q"}, args...)...)
	cmd.Env = append(os.Environ(), "SSH_AUTH_SOCK="+sock)
	if out, err := cmd.CombinedOutput(); err != nil {
		s.t.Fatalf("ssh-add: %v: %s", err, out)
	}
}
