//go:build linux

package lab_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/mosha-ssh/mosha/internal/lab"
	"github.com/mosha-ssh/mosha/internal/lab/labtest"
)

// pair is a person on the laptop who may log in to an account on the devbox.
type pair struct {
	*lab.Lab
	person, account *lab.User
	key             lab.Key
	sshd            *lab.Sshd
}

func newPair(t testing.TB, config lab.SshdConfig) *pair {
	t.Helper()
	return newPairIn(t, labtest.New(t), config)
}

func newPairIn(t testing.TB, l *lab.Lab, config lab.SshdConfig) *pair {
	t.Helper()
	p := &pair{Lab: l}
	p.person, p.account = addUser(t, p.Laptop), addUser(t, p.Devbox)
	var err error
	p.key, err = p.person.NewKey("id_ed25519", "ed25519")
	check(t, err)
	check(t, p.account.Authorize(p.key.Pub))
	p.sshd, err = p.Devbox.Sshd(config)
	check(t, err)
	lines, err := p.sshd.HostKeyLines("devbox", "devbox4", "devbox6")
	check(t, err)
	check(t, p.person.KnowHost(lines...))
	return p
}

func (p *pair) at(host string) string { return p.account.Name + "@" + host }

func TestSSHLogin(t *testing.T) {
	t.Parallel()
	p := newPair(t, lab.SshdConfig{HostKeys: []string{"ed25519", "ecdsa"}})
	for i, host := range []string{"devbox4", "devbox6"} {
		if got := output(t, p.person, "ssh", p.at(host), "id -un; uname -n"); got != p.account.Name+"\ndevbox\n" {
			t.Errorf("on %s: %q", host, got)
		}
		if got := p.sshd.Connections(); got != i+1 {
			t.Errorf("%d connections after login %d", got, i+1)
		}
	}
	out := output(t, p.person, "ssh", "-v", "-o", "HostKeyAlgorithms=ecdsa-sha2-nistp256", p.at("devbox"), "true")
	if !strings.Contains(out, "Server host key: ecdsa-sha2-nistp256") {
		t.Errorf("ssh saw no ECDSA key: %s", out)
	}
}

func TestSSHForwardsTheAgent(t *testing.T) {
	t.Parallel()
	p := newPair(t, lab.SshdConfig{Port: 2222})
	a, err := p.person.Agent()
	check(t, err)
	check(t, a.Add(p.key))
	p.person.Setenv("SSH_AUTH_SOCK", a.Sock)
	if got := output(t, p.person, "ssh", "-A", "-p", "2222", p.at("devbox"), "ssh-add -L"); got != p.key.Pub+"\n" {
		t.Errorf("the devbox sees the keys %q", got)
	}
}

func TestSshdExtra(t *testing.T) {
	t.Parallel()
	p := newPair(t, lab.SshdConfig{Extra: []string{
		"LogLevel DEBUG", // replaces the lab's own
		"SetEnv FROM_SSHD=1",
		"Match User nobody-at-all",
		"  ForceCommand false",
	}})
	if got := output(t, p.person, "ssh", p.at("devbox"), "echo $FROM_SSHD"); got != "1\n" {
		t.Errorf("FROM_SSHD is %q", got)
	}
	if !strings.Contains(p.sshd.Log(), "debug1: ") {
		t.Error("the log has another level")
	}
	_, err := p.Devbox.Sshd(lab.SshdConfig{Port: 2222, Extra: []string{"NoSuchKeyword yes"}})
	if err == nil || !strings.Contains(err.Error(), "NoSuchKeyword") {
		t.Errorf("a bad line: %v", err)
	}
}

// stay logs in and returns when the session runs. It ends when the sshd does
// not serve it any more.
func (p *pair) stay(t *testing.T, word string) *lab.Cmd {
	t.Helper()
	cmd := p.person.Command(within(t), "ssh", p.at("devbox"), "sleep "+word)
	check(t, cmd.Start())
	check(t, lab.Eventually(within(t), "session runs", func() (bool, error) {
		for _, proc := range p.account.Processes() {
			if strings.Join(proc.Args, " ") == "sleep "+word {
				return true, nil
			}
		}
		return false, nil
	}))
	return cmd
}

func TestSshdSessionsSurviveARestart(t *testing.T) {
	t.Parallel()
	p := newPair(t, lab.SshdConfig{})
	before := p.stay(t, "1001")
	check(t, p.sshd.Restart())
	after := p.stay(t, "1002")
	check(t, p.sshd.KillSessions())
	for _, cmd := range []*lab.Cmd{before, after} {
		const lost = 255 // ssh(1): an error occurred
		if err := cmd.Wait(); cmd.ProcessState.ExitCode() != lost {
			t.Errorf("ssh ended with %v", err)
		}
	}
	output(t, p.person, "ssh", p.at("devbox"), "true")
}

func TestSshdStop(t *testing.T) {
	t.Parallel()
	p := newPair(t, lab.SshdConfig{})
	cmd := p.stay(t, "1001")
	check(t, p.sshd.Stop())
	check(t, p.sshd.Stop())
	out, err := p.person.Command(within(t), "ssh", p.at("devbox"), "true").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "Connection refused") {
		t.Errorf("ssh: %v, %s", err, out)
	}
	check(t, p.sshd.KillSessions())
	if err := cmd.Wait(); err == nil {
		t.Error("the session ended well")
	}
}

// Sshd is content with any one of its addresses, the lab is not.
func TestSshdWantsAllAddresses(t *testing.T) {
	t.Parallel()
	l := labtest.New(t)
	other, err := l.Devbox.Listen("[::]:22")
	check(t, err)
	defer other.Close()
	if _, err := l.Devbox.Sshd(lab.SshdConfig{}); err == nil || !strings.Contains(err.Error(), "already in use") {
		t.Errorf("on a port in use: %v", err)
	}
	six, err := l.Devbox.Listen("[::1]:2222")
	check(t, err)
	defer six.Close()
	if _, err := l.Devbox.Sshd(lab.SshdConfig{Port: 2222}); err == nil || !strings.Contains(err.Error(), "already in use") {
		t.Errorf("on a port in use for IPv6: %v", err)
	}
}

func TestNewHostKey(t *testing.T) {
	t.Parallel()
	p := newPair(t, lab.SshdConfig{})
	check(t, p.sshd.NewHostKey())
	out, err := p.person.Command(within(t), "ssh", p.at("devbox"), "true").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "REMOTE HOST IDENTIFICATION HAS CHANGED") {
		t.Errorf("ssh: %v, %s", err, out)
	}
}

// loopback starts an sshd with StartSshd, logs in, and ends it. It is run as
// root and as a plain user.
func loopback(ctx context.Context, dir string) error {
	key := filepath.Join(dir, "key")
	if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key).CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	s, err := lab.StartSshd(ctx, lab.SshdConfig{
		Dir:                dir,
		AuthorizedKeysFile: key + ".pub",
		Extra:              []string{"SetEnv HOME=/throw/away"},
	})
	if err != nil {
		return err
	}
	lines, err := s.HostKeyLines("127.0.0.1", "::1")
	if err != nil {
		return err
	}
	known := filepath.Join(dir, "known_hosts")
	if err := os.WriteFile(known, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		return err
	}
	for _, host := range []string{"127.0.0.1", "::1"} {
		out, err := exec.Command("ssh", "-F", "none", "-o", "BatchMode=yes", "-o", "UserKnownHostsFile="+known,
			"-i", key, "-p", strconv.Itoa(s.Port), host, "echo $HOME; id -u").CombinedOutput()
		if err != nil {
			return fmt.Errorf("ssh %s: %w: %s; log: %s", host, err, out, s.Log())
		}
		if want := fmt.Sprintf("/throw/away\n%d\n", os.Getuid()); string(out) != want {
			return fmt.Errorf("the session on %s says %q, want %q", host, out, want)
		}
	}
	if n := s.Connections(); n != 2 {
		return fmt.Errorf("%d connections, want 2", n)
	}
	return s.Stop()
}

func TestStartSshd(t *testing.T) {
	t.Parallel()
	check(t, loopback(within(t), t.TempDir()))
}

func TestStartSshdAsPlainUser(t *testing.T) {
	t.Parallel()
	l := labtest.New(t)
	u := addUser(t, l.Laptop)
	check(t, u.WriteFile("dir/made", "", 0o600))
	if out, err := again(t, l, u, "loopback", u.Path("dir")).CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

func TestStartSshdEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	s, err := lab.StartSshd(ctx, lab.SshdConfig{Dir: t.TempDir()})
	check(t, err)
	cancel()
	check(t, lab.Eventually(within(t), "sshd is gone", func() (bool, error) {
		conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", s.Port))
		if err == nil {
			conn.Close()
		}
		return err != nil, nil
	}))
	check(t, s.Stop())
}
