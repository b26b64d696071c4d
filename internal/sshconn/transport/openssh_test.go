//go:build linux

package transport

import (
	"bytes"
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/crypto/ssh"

	"github.com/mosha-ssh/mosha/internal/lab"
	"github.com/mosha-ssh/mosha/internal/lab/labtest"
	"github.com/mosha-ssh/mosha/internal/sshconfig"
	"github.com/mosha-ssh/mosha/internal/sshconn"
	"github.com/mosha-ssh/mosha/internal/sshconn/helper"
)

// TestMain lets the test's own program be what the ssh of a master runs.
func TestMain(m *testing.M) {
	if code, ok := helper.Run(os.Args); ok {
		os.Exit(code)
	}
	// A bash whose input is a socket reads the start-up file of whoever tests.
	os.Setenv("SHELL", "/bin/sh")
	// With the race detector each of these programs would sleep a second at its end.
	os.Setenv("GORACE", "atexit_sleep_ms=0")
	os.Exit(m.Run())
}

// over returns options for that transport, with a place for a master's sockets.
func over(t *testing.T, cfg *sshconfig.Config, transport string) sshconn.Options {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "mosha-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	opts := options(cfg)
	opts.Master = sshconn.MasterPlace{Dir: dir, Program: program}
	opts.Choice.Transport = transport
	return opts
}

// echoes runs a command over the connection.
func echoes(t *testing.T, conn sshconn.Connection) {
	t.Helper()
	channel, requests, err := conn.OpenChannel("session", nil)
	if err != nil {
		t.Fatal(err)
	}
	go ssh.DiscardRequests(requests)
	if _, err := channel.SendRequest("exec", false, ssh.Marshal(struct{ Command string }{"echo over-ssh"})); err != nil {
		t.Fatal(err)
	}
	out := make([]byte, 9)
	if n, err := channel.Read(out); err != nil || string(out[:n]) != "over-ssh\n" {
		t.Errorf("the command gave %q, %v", out[:n], err)
	}
}

// TestMaster is a connection's life over OpenSSH: nothing of it stays.
func TestMaster(t *testing.T) {
	s := newSite(t, lab.SshdConfig{})
	cfg := s.config()
	agent := s.agent(s.key)
	opts := over(t, cfg, sshconn.TransportOpenSSH)
	opts.AgentSocket = func() string { return agent }
	for name, end := range map[string]func(sshconn.Connection){
		"closed":        func(conn sshconn.Connection) { conn.Close() },
		"ssh is killed": func(sshconn.Connection) { signalSSH(t, syscall.SIGKILL) },
		"ssh is told":   func(sshconn.Connection) { signalSSH(t, syscall.SIGTERM) },
		"server gone": func(sshconn.Connection) {
			if err := s.sshd.KillSessions(); err != nil {
				t.Error(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			labtest.LeavesNothing(t, func() {
				conn, err := Open(t.Context(), cfg, opts)
				if err != nil {
					t.Fatal(err)
				}
				served := make(chan struct{})
				go func() {
					defer close(served)
					conn.Serve(func(o sshconn.AgentOffer) { o.Refuse(ssh.Prohibited) }, func(ssh.NewChannel) {})
				}()
				if err := conn.RoundTrip(); err != nil {
					t.Error(err)
				}
				echoes(t, conn)
				facts := conn.Facts()
				if facts.Identity != s.fingerprint(s.key) || !facts.Remote.IsValid() || facts.Choice.Transport != sshconn.TransportOpenSSH {
					t.Errorf("%+v", facts)
				}
				end(conn)
				_ = conn.Wait()
				<-served
				if err := conn.RoundTrip(); err == nil {
					t.Error("a round trip on a connection that has ended")
				}
			})
			if left, err := os.ReadDir(opts.Master.Dir); err != nil || len(left) > 0 {
				t.Errorf("left are %v, %v", left, err)
			}
		})
	}
}

// signalSSH sends a signal to the group of the one ssh that runs.
func signalSSH(t *testing.T, signal syscall.Signal) {
	t.Helper()
	pid, command := 0, ""
	for _, running := range labtest.Children(t) {
		if _, err := fmt.Sscan(running, &pid, &command); err != nil || command != "ssh" {
			t.Errorf("%q runs", running)
		}
	}
	if err := syscall.Kill(-pid, signal); pid == 0 || err != nil {
		t.Errorf("ssh %d: %v", pid, err)
	}
}

func (s *site) fingerprint(key string) string {
	return strings.Fields(s.run("ssh-keygen", "-l", "-f", key))[1]
}

// TestErrorsAreAlike: whatever is in the way of a connection is the same error
// over both transports.
func TestErrorsAreAlike(t *testing.T) {
	s := newSite(t, lab.SshdConfig{Extra: []string{"MaxAuthTries 2", "KexAlgorithms curve25519-sha256", "Ciphers aes128-ctr,aes256-ctr"}})
	other := s.newKey("other", "ed25519")
	wrong := s.write("wrong", s.knownName()+" "+s.read("other.pub"))
	revoked := s.write("revoked", "@revoked "+s.hostKeys(s.knownName()))
	none := s.write("none", "")
	several := []string{"IdentityFile " + other}
	for _, n := range []string{"a", "b", "c"} {
		several = append(several, "IdentityFile "+s.newKey(n, "ed25519"))
	}
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	mute := saying(t, "")
	half := saying(t, "SSH-2.0-half\r\n")
	hangup := server(t, func(net.Conn) {})
	for name, configure := range map[string]func() *sshconfig.Config{
		"changed key": func() *sshconfig.Config { return s.config("UserKnownHostsFile " + wrong) },
		"revoked key": func() *sshconfig.Config { return s.config("UserKnownHostsFile " + revoked) },
		"revoked, no check": func() *sshconfig.Config {
			return s.config("UserKnownHostsFile "+revoked, "StrictHostKeyChecking no")
		},
		"strict":           func() *sshconfig.Config { return s.config("UserKnownHostsFile "+none, "StrictHostKeyChecking yes") },
		"nobody to ask":    func() *sshconfig.Config { return s.config("UserKnownHostsFile " + none) },
		"key not accepted": func() *sshconfig.Config { return s.config("IdentityFile "+other, "IdentitiesOnly yes", "User nobody") },
		"too many keys":    func() *sshconfig.Config { return s.config(append(several, "User nobody")...) },
		"no cipher":        func() *sshconfig.Config { return s.config("Ciphers aes256-gcm@openssh.com") },
		"no key exchange":  func() *sshconfig.Config { return s.config("KexAlgorithms ecdh-sha2-nistp256") },
		"no such name":     func() *sshconfig.Config { return s.config("HostName no-such-host.invalid") },
		"refused":          func() *sshconfig.Config { return configTo(t, closed.Addr()) },
		"mute":             func() *sshconfig.Config { return configTo(t, mute, "ConnectTimeout 1") },
		"half":             func() *sshconfig.Config { return configTo(t, half, "ConnectTimeout 1") },
		"hangs up":         func() *sshconfig.Config { return configTo(t, hangup) },
		"proxy fails":      func() *sshconfig.Config { return s.config("ProxyCommand sh -c 'echo no way >&2; exit 3'") },
	} {
		t.Run(name, func(t *testing.T) {
			cfg := configure() // ssh reads the file that it writes, too
			_, native := Open(t.Context(), cfg, over(t, cfg, sshconn.TransportNative))
			_, openssh := Open(t.Context(), cfg, over(t, cfg, sshconn.TransportOpenSSH))
			if native == nil || openssh == nil {
				t.Fatalf("native: %v, OpenSSH: %v", native, openssh)
			}
			if a, b := essence(native), essence(openssh); a != b {
				t.Errorf("native:  %s\nOpenSSH: %s\nof %#v", a, b, openssh)
			}
		})
	}
}

// TestMasterIsAborted: however far it has come, the end of the context ends it
// at once, with the context's cause.
func TestMasterIsAborted(t *testing.T) {
	s := newSite(t, lab.SshdConfig{})
	cause := errors.New("no longer wanted")
	for name, cfg := range map[string]*sshconfig.Config{
		"while the server is silent": configTo(t, saying(t, ""), "ConnectTimeout 60"),
		"while a person is asked":    s.config("UserKnownHostsFile " + s.write("none", "")),
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			opts := over(t, cfg, sshconn.TransportOpenSSH)
			opts.Progress = func(phase string) {
				if phase == sshconn.PhaseBanner && strings.Contains(name, "silent") {
					cancel(cause)
				}
			}
			opts.Ask = func(ctx context.Context, _ sshconn.HostKeyQuestion) (string, error) {
				cancel(cause)
				<-ctx.Done()
				return "", ctx.Err()
			}
			labtest.LeavesNothing(t, func() {
				if _, err := Open(ctx, cfg, opts); !errors.Is(err, cause) {
					t.Errorf("%v, want the context's cause", err)
				}
			})
		})
	}
}

// TestMasterAsks: the questions of ssh reach those who can answer them, and its
// clock waits for them.
func TestMasterAsks(t *testing.T) {
	s := newSite(t, lab.SshdConfig{})
	locked := s.newKey("locked", "ed25519", "-N", "secret phrase")
	s.authorize(locked)
	known := s.write("asked", "")
	s.key = locked
	cfg := s.config("IdentitiesOnly yes", "UserKnownHostsFile "+known, "ConnectTimeout 4")
	var keys []sshconn.HostKeyQuestion
	var prompts []sshconn.Prompt
	opts := over(t, cfg, sshconn.TransportOpenSSH)
	opts.Ask = func(_ context.Context, q sshconn.HostKeyQuestion) (string, error) {
		keys = append(keys, q)
		if len(keys) == 1 {
			time.Sleep(4100 * time.Millisecond) // longer than ConnectTimeout: the experiment's parameter
		}
		return []string{"perhaps", "yes"}[len(keys)-1], nil
	}
	opts.Prompt = func(_ context.Context, p sshconn.Prompt) ([][]byte, error) {
		prompts = append(prompts, p)
		return [][]byte{[]byte([]string{"wrong", "secret phrase"}[len(prompts)-1])}, nil
	}
	conn, err := Open(t.Context(), cfg, opts)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if len(keys) != 2 || keys[0].Again || !keys[1].Again || keys[0].Host != s.knownName() || keys[0].Fingerprint == "" {
		t.Errorf("asked about %+v", keys)
	}
	for i, p := range prompts {
		if p.Kind != sshconn.PromptPassphrase || p.File != locked || p.Again != (i > 0) {
			t.Errorf("asked %+v", p)
		}
	}
	facts := conn.Facts()
	if !facts.Typed || len(facts.Notes) != 2 || facts.Notes[0].Kind != sshconn.NoteAdded || facts.Notes[0].File != known || facts.Notes[1].Kind != sshconn.NoteTyped {
		t.Errorf("%+v", facts)
	}
}

// TestMasterIsRefusedAnswers: who does not answer is asked no more, and an error
// of theirs ends the attempt.
func TestMasterIsRefusedAnswers(t *testing.T) {
	s := newSite(t, lab.SshdConfig{})
	gone := errors.New("gone")
	for name, c := range map[string]struct {
		answer string
		err    error
		want   string
	}{
		"no":     {answer: "no", want: sshconn.KeyDeclined},
		"nobody": {err: sshconn.ErrNoAnswer, want: sshconn.KeyUnknown},
		"error":  {err: gone},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := s.config("UserKnownHostsFile " + s.write("none", ""))
			opts := over(t, cfg, sshconn.TransportOpenSSH)
			opts.Ask = func(context.Context, sshconn.HostKeyQuestion) (string, error) { return c.answer, c.err }
			_, err := Open(t.Context(), cfg, opts)
			var key *sshconn.HostKeyError
			if c.want == "" && !errors.Is(err, gone) || c.want != "" && (!errors.As(err, &key) || key.Problem != c.want) {
				t.Errorf("%#v", err)
			}
		})
	}
}

// TestMasterCannotBe: an ssh that cannot be a master says why, and is not tried
// again.
func TestMasterCannotBe(t *testing.T) {
	s := newSite(t, lab.SshdConfig{})
	for name, c := range map[string]struct{ ssh, dir string }{
		"not there":     {ssh: "/no/such/ssh"},
		"ends at once":  {ssh: "false"},
		"long a name":   {dir: strings.Repeat("x", 80)},
		"no place":      {dir: "gone"},
		"odd option":    {ssh: "ssh -o NoSuchOption=1"},
		"not a program": {ssh: "/dev/null"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := s.config()
			opts := over(t, cfg, sshconn.TransportOpenSSH)
			if c.ssh != "" {
				cfg.SSH = strings.Fields(c.ssh)
			}
			if c.dir != "" {
				opts.Master.Dir = filepath.Join(opts.Master.Dir, c.dir)
			}
			labtest.LeavesNothing(t, func() {
				_, err := Open(t.Context(), cfg, opts)
				var master *sshconn.MasterError
				var path *sshconn.PathError
				said := errors.As(err, &master) && master.Early && master.Message != ""
				if !said && !errors.As(err, &path) && !errors.Is(err, os.ErrNotExist) {
					t.Errorf("%#v", err)
				}
			})
		})
	}
}

// TestMasterIsNotVerified: ssh may let a key pass that is not the known one, and
// Open tells so.
func TestMasterIsNotVerified(t *testing.T) {
	s := newSite(t, lab.SshdConfig{})
	s.newKey("other", "ed25519")
	wrong := s.write("wrong", s.knownName()+" "+s.read("other.pub"))
	cfg := s.config("UserKnownHostsFile "+wrong, "StrictHostKeyChecking no")
	for _, transport := range []string{sshconn.TransportNative, sshconn.TransportOpenSSH} {
		conn, err := Open(t.Context(), cfg, over(t, cfg, transport))
		if err != nil {
			t.Fatalf("%s: %v", transport, err)
		}
		if !conn.Facts().Unverified {
			t.Errorf("%s: %+v", transport, conn.Facts())
		}
		conn.Close()
	}
}

// TestMasterRekeys: what runs over ssh is not harmed when it changes its keys.
func TestMasterRekeys(t *testing.T) {
	s := newSite(t, lab.SshdConfig{})
	cfg := s.config("RekeyLimit 128K", "KexAlgorithms curve25519-sha256")
	conn, err := Open(t.Context(), cfg, over(t, cfg, sshconn.TransportOpenSSH))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	channel, requests, err := conn.OpenChannel("session", nil)
	if err != nil {
		t.Fatal(err)
	}
	go ssh.DiscardRequests(requests)
	const size, piece = 1 << 20, 8 << 10
	if _, err := channel.SendRequest("exec", false, ssh.Marshal(struct{ Command string }{"cat"})); err != nil {
		t.Fatal(err)
	}
	go func() {
		for range size / piece {
			_, _ = channel.Write(make([]byte, piece))
			if err := conn.RoundTrip(); err != nil {
				t.Error(err)
				return
			}
		}
		_ = channel.CloseWrite()
	}()
	if n, err := io.Copy(io.Discard, channel); n != size || err != nil {
		t.Errorf("%d bytes came back, %v", n, err)
	}
}

// TestUnknownKeyFile: a key file that may be in order for OpenSSH is left to it,
// before a person is asked for more; a damaged one is not.
func TestUnknownKeyFile(t *testing.T) {
	s := newSite(t, lab.SshdConfig{Extra: []string{"PasswordAuthentication yes"}})
	text := s.read("id")
	block, _ := pem.Decode([]byte(text))
	block.Bytes = bytes.ReplaceAll(block.Bytes, []byte("ssh-ed25519"), []byte("ssh-ed99999"))
	s.write("authorized_keys", "")
	for name, c := range map[string]struct {
		text    string
		openssh bool
	}{
		"unknown": {string(pem.EncodeToMemory(block)), true},
		"damaged": {text[:len(text)/2], false},
	} {
		t.Run(name, func(t *testing.T) {
			s.key = s.write("foreign", c.text)
			cfg := s.config("IdentitiesOnly yes")
			opts := over(t, cfg, sshconn.TransportAuto)
			opts.Prompt = func(context.Context, sshconn.Prompt) ([][]byte, error) { return nil, sshconn.ErrNoAnswer }
			log := &strings.Builder{}
			opts.Log = zerolog.New(zerolog.SyncWriter(log))
			_, err := Open(t.Context(), cfg, opts)
			if denied := (*sshconn.AuthError)(nil); !errors.As(err, &denied) {
				t.Errorf("%#v", err)
			}
			if carried := strings.Contains(log.String(), "OpenSSH is to carry"); carried != c.openssh {
				t.Errorf("left to OpenSSH: %v\n%s", carried, log)
			}
		})
	}
}
