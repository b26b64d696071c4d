//go:build linux

package transport

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"github.com/mosha-ssh/mosha/internal/lab"
	"github.com/mosha-ssh/mosha/internal/lab/labtest"
	"github.com/mosha-ssh/mosha/internal/sshconfig"
	"github.com/mosha-ssh/mosha/internal/sshconn"
	"github.com/mosha-ssh/mosha/internal/sshconn/native"
)

// configTo is for a server on loopback that is not an sshd.
func configTo(t *testing.T, addr net.Addr, lines ...string) *sshconfig.Config {
	t.Helper()
	s := &site{t: t, dir: t.TempDir(), key: "none", sshd: &lab.Sshd{Port: addr.(*net.TCPAddr).Port}}
	return s.config(lines...)
}

// server accepts connections, lets handle talk, and closes them at the end.
func server(t *testing.T, handle func(net.Conn)) net.Addr {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			handle(conn)
			conn.Close()
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return l.Addr()
}

// saying makes a server that says something, and then only listens.
func saying(t *testing.T, text string) net.Addr {
	return server(t, func(conn net.Conn) {
		if _, err := io.WriteString(conn, text); err != nil {
			return // the client has gone
		}
		untilClosed(conn)
	})
}

func dialError(t *testing.T, cfg *sshconfig.Config) error {
	t.Helper()
	conn, err := native.Dial(t.Context(), cfg, options(cfg))
	if err == nil {
		conn.Close()
		t.Error("Dial succeeded")
	}
	return err
}

func TestRefused(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	err = dialError(t, configTo(t, l.Addr()))
	var failed *sshconn.ConnectError
	if !errors.As(err, &failed) || failed.Cause != sshconn.CauseRefused || failed.Address != l.Addr().String() || failed.Host != "127.0.0.1" || failed.Message != "connection refused" {
		t.Errorf("%#v", err)
	}
}

func TestUnreachable(t *testing.T) {
	for _, host := range []string{"HostName 255.255.255.255", "HostName ::ffff:0:0"} {
		err := dialError(t, configTo(t, &net.TCPAddr{Port: 22}, host))
		if failed := (*sshconn.ConnectError)(nil); !errors.As(err, &failed) || failed.Message == "" {
			t.Errorf("%s: %#v", host, err)
		}
	}
}

func TestUnresolvable(t *testing.T) {
	for _, lines := range [][]string{{"HostName no-such-host.invalid"}, {"HostName ::1", "AddressFamily inet"}} {
		err := dialError(t, configTo(t, &net.TCPAddr{Port: 22}, lines...))
		if failed := (*sshconn.ResolveError)(nil); !errors.As(err, &failed) || failed.Host == "" || failed.Message == "" {
			t.Errorf("%q: %#v", lines, err)
		}
	}
}

// TestSecondAddress has a name with two addresses, of which one refuses.
func TestSecondAddress(t *testing.T) {
	addr := server(t, func(net.Conn) {})
	cfg := configTo(t, addr, "HostName localhost")
	cfg.HostName = "localhost"
	opts := options(cfg)
	opts.Family = "prefer-inet6"
	_, err := native.Dial(t.Context(), cfg, opts)
	if reached := (*sshconn.ClosedError)(nil); !errors.As(err, &reached) {
		t.Errorf("got %v", err)
	}
}

// TestSilent has servers that stop at each stage; ConnectTimeout ends it.
func TestSilent(t *testing.T) {
	full := fullBacklog(t)
	silent := saying(t, "")
	banner := saying(t, "SSH-2.0-slow\r\n")
	lines := saying(t, "busy\r\n")
	tests := []struct {
		name  string
		addr  net.Addr
		phase string
	}{
		{"no answer to SYN", full, sshconn.PhaseConnect},
		{"says nothing", silent, sshconn.PhaseBanner},
		{"no version line", lines, sshconn.PhaseBanner},
		{"version line only", banner, sshconn.PhaseKex},
	}
	labtest.LeavesNothing(t, func() {
		var group sync.WaitGroup
		defer group.Wait()
		for _, test := range tests {
			cfg := configTo(t, test.addr, "ConnectTimeout 1")
			group.Go(func() {
				err := dialError(t, cfg)
				if failed := (*sshconn.TimeoutError)(nil); !errors.As(err, &failed) || failed.Phase != test.phase || failed.Seconds != 1 {
					t.Errorf("%s: %#v", test.name, err)
				}
			})
		}
	})
}

// fullBacklog returns the address of a listener whose queue is full, so that the
// kernel drops each SYN.
func fullBacklog(t *testing.T) net.Addr {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Close(fd) })
	if err := errors.Join(syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}), syscall.Listen(fd, 0)); err != nil {
		t.Fatal(err)
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	addr := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: name.(*syscall.SockaddrInet4).Port}
	for {
		conn, err := net.DialTimeout("tcp", addr.String(), 300*time.Millisecond)
		if err != nil {
			return addr
		}
		t.Cleanup(func() { conn.Close() })
	}
}

// disconnecting is the packet of a server that disconnects (RFC 4253, sections 6
// and 11.1), without MAC.
func disconnecting(words string) []byte {
	payload := ssh.Marshal(&struct {
		Reason            uint32 `sshtype:"1"`
		Message, Language string
	}{11, words, ""})
	const padding = 4
	b := binary.BigEndian.AppendUint32(nil, uint32(1+len(payload)+padding))
	b = append(append(b, padding), payload...)
	return append(b, make([]byte, padding)...)
}

func TestNotSSH(t *testing.T) {
	disconnected := string(disconnecting("go\x1b away"))
	for _, test := range []struct {
		name, says string
		want       any
	}{
		{"closes at once", "", new(*sshconn.ClosedError)},
		{"closes after a line", "Exceeded MaxStartups\r\n", new(*sshconn.ClosedError)},
		{"closes after half a line", "Not allowed\r\nat this time", new(*sshconn.ClosedError)},
		{"closes after an escape", "\x1b[2J\r\n", new(*sshconn.ClosedError)},
		{"closes after many", strings.Repeat(strings.Repeat("x", 99)+"\n", 1000), new(*sshconn.ClosedError)},
		{"closes after its version", "Welcome\r\nSSH-2.0-x\r\n", new(*sshconn.ClosedError)},
		{"http", "HTTP/1.1 400 Bad Request\r\n\r\n", new(*sshconn.ClosedError)},
		{"an endless line", strings.Repeat("x", 10000), new(*sshconn.ProtocolError)},
		{"garbage after the version", "SSH-2.0-x\r\n" + strings.Repeat("\xff", 1000), new(*sshconn.ProtocolError)},
		{"a disconnect", "SSH-2.0-x\r\n" + disconnected, new(*sshconn.DisconnectError)},
	} {
		addr := server(t, func(conn net.Conn) {
			_, err := io.WriteString(conn, test.says)
			if err == nil && conn.(*net.TCPConn).CloseWrite() == nil {
				untilClosed(conn)
			}
		})
		labtest.LeavesNothing(t, func() {
			err := dialError(t, configTo(t, addr))
			if !errors.As(err, test.want) {
				t.Errorf("%s: %#v", test.name, err)
			}
			said := map[string]string{
				"closes after a line": "Exceeded MaxStartups", "closes after half a line": "Not allowed at this time",
				"closes after many": strings.Repeat(strings.Repeat("x", 99)+" ", 11)[:sshconn.MaxWords], "http": "HTTP/1.1 400 Bad Request",
				"closes after an escape": "[2J",
			}
			if closed := (*sshconn.ClosedError)(nil); errors.As(err, &closed) && closed.Said != said[test.name] {
				t.Errorf("%s: it says %q", test.name, closed.Said)
			}
			if said := (*sshconn.DisconnectError)(nil); errors.As(err, &said) && (said.Reason != 11 || said.Message != "go away") {
				t.Errorf("%s: %#v", test.name, said)
			}
		})
	}
}

func TestNoCommonAlgorithm(t *testing.T) {
	s := newSite(t, lab.SshdConfig{Extra: []string{"KexAlgorithms diffie-hellman-group16-sha512"}})
	err := dialError(t, s.config("KexAlgorithms curve25519-sha256"))
	failed := &sshconn.AlgorithmError{}
	if !errors.As(err, &failed) || failed.What != "key exchange" || len(failed.Theirs) == 0 {
		t.Errorf("%#v", err)
	}
	labtest.AsJSON(t, failed)
	for _, line := range []string{"KexAlgorithms sntrup761x25519-sha512@openssh.com", "HostKeyAlgorithms sk-ssh-ed25519@openssh.com"} {
		err := dialError(t, s.config(line))
		if failed := (*sshconn.AlgorithmError)(nil); !errors.As(err, &failed) || len(failed.Theirs) != 0 {
			t.Errorf("%s: %#v", line, err)
		}
	}
}

// TestMACs has no MAC that x/crypto knows: ciphers that need none still work,
// others are not offered without.
func TestMACs(t *testing.T) {
	s := newSite(t, lab.SshdConfig{})
	conn, err := s.dial(s.config("MACs umac-128-etm@openssh.com"))
	if err != nil {
		t.Fatal(err)
	}
	works(t, conn)
	err = dialError(t, s.config("MACs umac-128-etm@openssh.com", "Ciphers aes128-ctr"))
	if failed := (*sshconn.AlgorithmError)(nil); !errors.As(err, &failed) {
		t.Errorf("%#v", err)
	}
}

// TestCancel ends the context in each stage: Dial returns at once, with the
// context's error, and nothing stays behind.
func TestCancel(t *testing.T) {
	s := newSite(t, lab.SshdConfig{})
	silent, full := saying(t, ""), fullBacklog(t)
	banner := saying(t, "SSH-2.0-slow\r\n")
	stage := map[string]func(ctx context.Context, reached func()) error{
		"connect": func(ctx context.Context, reached func()) error {
			cfg := configTo(t, full)
			reached()
			return cancelled(ctx, cfg, options(cfg))
		},
		"banner": func(ctx context.Context, reached func()) error {
			cfg := configTo(t, silent)
			reached()
			return cancelled(ctx, cfg, options(cfg))
		},
		"kex": func(ctx context.Context, reached func()) error {
			cfg := configTo(t, banner)
			reached()
			return cancelled(ctx, cfg, options(cfg))
		},
		"question": func(ctx context.Context, reached func()) error {
			s.write("known_hosts", "")
			defer s.knowHost()
			cfg := s.config()
			opts := options(cfg)
			opts.Ask = func(ctx context.Context, _ sshconn.HostKeyQuestion) (string, error) {
				reached()
				<-ctx.Done()
				return "yes", nil
			}
			return cancelled(ctx, cfg, opts)
		},
		"signature": func(ctx context.Context, reached func()) error {
			cfg := s.config()
			opts := options(cfg)
			socket := s.waitingAgent(reached)
			opts.AgentSocket = func() string { return socket }
			return cancelled(ctx, cfg, opts)
		},
		"proxy": func(ctx context.Context, reached func()) error {
			cfg := s.config("ProxyCommand sleep 1000")
			reached()
			return cancelled(ctx, cfg, options(cfg))
		},
	}
	for name, run := range stage {
		ctx, cancel := context.WithCancel(t.Context())
		labtest.LeavesNothing(t, func() {
			if err := run(ctx, func() { time.AfterFunc(20*time.Millisecond, cancel) }); !errors.Is(err, context.Canceled) {
				t.Errorf("%s: %v", name, err)
			}
		})
		cancel()
	}
}

// waitingAgent serves an agent that has the site's key, and waits for ever when
// it is to sign.
func (s *site) waitingAgent(reached func()) string {
	s.t.Helper()
	key, err := ssh.ParseRawPrivateKey([]byte(s.read("id")))
	if err != nil {
		s.t.Fatal(err)
	}
	keys := agent.NewKeyring()
	if err := keys.Add(agent.AddedKey{PrivateKey: key}); err != nil {
		s.t.Fatal(err)
	}
	l, err := net.Listen("unix", s.path("waiting"))
	if err != nil {
		s.t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		conn, err := l.Accept()
		l.Close()
		if err != nil {
			return
		}
		defer conn.Close()
		_ = agent.ServeAgent(&waitingAgent{Agent: keys, reached: reached, conn: conn}, conn)
	}()
	s.t.Cleanup(func() { l.Close(); <-done })
	return s.path("waiting")
}

type waitingAgent struct {
	agent.Agent
	reached func()
	conn    net.Conn
}

// Sign returns when the client has gone.
func (a *waitingAgent) Sign(ssh.PublicKey, []byte) (*ssh.Signature, error) {
	a.reached()
	untilClosed(a.conn)
	return nil, errors.New("nobody confirmed")
}

func cancelled(ctx context.Context, cfg *sshconfig.Config, opts sshconn.Options) error {
	conn, err := native.Dial(ctx, cfg, opts)
	if err == nil {
		conn.Close()
	}
	return err
}

// TestCancelledBefore dials with a context that has ended already.
func TestCancelledBefore(t *testing.T) {
	s := newSite(t, lab.SshdConfig{})
	cause := errors.New("no longer wanted")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	cfg := s.config()
	labtest.LeavesNothing(t, func() {
		if _, err := native.Dial(ctx, cfg, options(cfg)); !errors.Is(err, cause) {
			t.Errorf("got %v", err)
		}
	})
}

// TestServerKilled kills sshd under an open connection.
func TestServerKilled(t *testing.T) {
	s := newSite(t, lab.SshdConfig{})
	labtest.LeavesNothing(t, func() {
		conn, err := native.Dial(t.Context(), s.config(), options(s.config()))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.sshd.KillSessions(); err != nil {
			t.Fatal(err)
		}
		waitDrained(t, conn)
		conn.Close()
	})
}

// TestClose closes from several sides, while a request waits for its answer.
func TestClose(t *testing.T) {
	s := newSite(t, lab.SshdConfig{})
	labtest.LeavesNothing(t, func() {
		conn, err := native.Dial(t.Context(), s.config(), options(s.config()))
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			go conn.Close()
		}
		waitDrained(t, conn)
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
		if err := conn.Wait(); err != nil {
			t.Errorf("after Close: %v", err)
		}
		if _, _, err := conn.SendRequest("keepalive@openssh.com", true, nil); err == nil {
			t.Error("a request on a closed connection")
		}
	})
}

// waitDrained serves the connection until its end.
func waitDrained(t *testing.T, conn *native.Conn) {
	t.Helper()
	go func() {
		for c := range conn.NewChannels {
			_ = c.Reject(ssh.Prohibited, "")
		}
	}()
	for r := range conn.Requests {
		_ = r.Reply(false, nil)
	}
	done := make(chan struct{})
	go func() { defer close(done); _ = conn.Wait() }()
	select {
	case <-done:
	case <-t.Context().Done():
		t.Error("Wait did not return")
	}
}

// TestEndlessWords: of a server that says very much as it disconnects no more
// is kept than any honest one says, whole characters of it.
func TestEndlessWords(t *testing.T) {
	said := strings.Repeat("€<", 50<<10)
	disconnected := disconnecting(said)
	err := dialError(t, configTo(t, saying(t, "SSH-2.0-x\r\n"+string(disconnected))))
	kept := (*sshconn.DisconnectError)(nil)
	if !errors.As(err, &kept) {
		t.Fatalf("%T", err)
	}
	if n := len(kept.Message); n > sshconn.MaxWords || n < sshconn.MaxWords-4 || !strings.HasPrefix(said, kept.Message) {
		t.Errorf("%d bytes are kept, want the first %d", n, sshconn.MaxWords)
	}
}
