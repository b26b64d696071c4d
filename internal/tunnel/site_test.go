//go:build linux

package tunnel_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/crypto/ssh"

	"github.com/mosha-ssh/mosha/internal/lab"
	"github.com/mosha-ssh/mosha/internal/tunnel"
)

// site is a real sshd, a user who may log in, and a set of tunnels.
type site struct {
	t    testing.TB
	sshd *lab.Sshd
	key  ssh.Signer
	dir  string
	set  *tunnel.Set
}

func newSite(t testing.TB, extra ...string) *site {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "mosha-test-") // short enough for sockets
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	s := &site{t: t, key: signer, dir: dir, set: newSet()}
	keys := s.path("keys")
	if err := errors.Join(os.WriteFile(keys, ssh.MarshalAuthorizedKey(signer.PublicKey()), 0o600), os.Mkdir(s.path("sshd"), 0o700)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	s.sshd, err = lab.StartSshd(ctx, lab.SshdConfig{Dir: s.path("sshd"), AuthorizedKeysFile: keys, Extra: extra})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(s.sshd.Log())
		}
		s.set.Close()
		if err := errors.Join(s.sshd.KillSessions(), s.sshd.Stop()); err != nil {
			t.Error(err)
		}
	})
	return s
}

func newSet() *tunnel.Set { return tunnel.NewSet(zerolog.Nop()) }

func (s *site) path(name string) string { return filepath.Join(s.dir, name) }

// connection is an Opener.
type connection struct {
	ssh.Conn
	stream *noting
}

func (c *connection) Done() <-chan struct{} { return c.stream.done }

// noting is a stream that notes its end.
type noting struct {
	net.Conn
	once sync.Once
	done chan struct{}
}

func (n *noting) Read(p []byte) (int, error) {
	read, err := n.Conn.Read(p)
	if err != nil {
		n.once.Do(func() { close(n.done) })
	}
	return read, err
}

// dial opens an SSH connection whose channels the set serves.
func (s *site) dial() *connection {
	s.t.Helper()
	tcp, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", s.sshd.Port))
	if err != nil {
		s.t.Fatal(err)
	}
	return s.over(tcp)
}

func (s *site) over(stream net.Conn) *connection {
	s.t.Helper()
	me, err := user.Current()
	if err != nil {
		s.t.Fatal(err)
	}
	noted, set := &noting{Conn: stream, done: make(chan struct{})}, s.set
	conn, offers, requests, err := ssh.NewClientConn(noted, "", &ssh.ClientConfig{
		User: me.Username, Auth: []ssh.AuthMethod{ssh.PublicKeys(s.key)}, HostKeyCallback: ssh.InsecureIgnoreHostKey(),
	})
	if err != nil {
		s.t.Fatal(err)
	}
	c := &connection{Conn: conn, stream: noted}
	go ssh.DiscardRequests(requests)
	go func() {
		for offer := range offers {
			set.Offered(c, offer)
		}
	}()
	s.t.Cleanup(func() { _ = conn.Close() })
	// As on a keeper's connection there is a session: before one begins, sshd
	// holds small messages back (RFC 896).
	channel, asked, err := c.OpenChannel("session", nil)
	if err != nil {
		s.t.Fatal(err)
	}
	go ssh.DiscardRequests(asked)
	if _, err := channel.SendRequest("exec", true, ssh.Marshal(struct{ Command string }{"cat"})); err != nil {
		s.t.Fatal(err)
	}
	return c
}

// connect opens an SSH connection for the set to use.
func (s *site) connect() *connection {
	s.t.Helper()
	c := s.dial()
	s.set.Use(c)
	return c
}

// add adds tunnels, which must come up.
func (s *site) add(specs ...tunnel.Spec) {
	s.t.Helper()
	for _, spec := range specs {
		for _, err := range s.set.Add(s.t.Context(), tunnel.Request{Spec: spec, Rules: tunnel.Rules{Mask: 0o177}}) {
			if err != nil {
				s.t.Fatalf("%s: %v", spec.Flag(), err)
			}
		}
	}
}

// status returns that of one tunnel.
func (s *site) status(spec tunnel.Spec) tunnel.Status {
	s.t.Helper()
	for _, status := range s.set.Status() {
		if status.Spec == spec {
			return status
		}
	}
	s.t.Fatalf("no %s", spec.Flag())
	return tunnel.Status{}
}

func (s *site) until(what string, cond func() bool) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 5*time.Minute)
	defer cancel()
	if err := lab.Eventually(ctx, what, func() (bool, error) { return cond(), nil }); err != nil {
		s.t.Fatal(err)
	}
}

// spec reads a specification.
func spec(t testing.TB, kind tunnel.Kind, format string, args ...any) tunnel.Spec {
	t.Helper()
	s, err := tunnel.Parse(kind, fmt.Sprintf(format, args...))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// freePort returns a port that nobody has at the moment.
func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// serve serves each connection to a listener with f.
func serve(t testing.TB, network, address string, f func(half)) net.Listener {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				f(conn.(half))
			}()
		}
	}()
	return l
}

// half is a connection that can be half closed.
type half interface {
	net.Conn
	CloseWrite() error
}

// answer reads until the client half closes, and then says what that was.
func answer(conn half) {
	said, err := io.ReadAll(conn)
	if err == nil {
		_, _ = conn.Write(append([]byte("heard "), said...))
	}
}

// ask says something to an answerer, half closes, and returns what comes.
func ask(t testing.TB, network, address, said string) {
	t.Helper()
	conn, err := net.Dial(network, address)
	if err != nil {
		t.Error(err)
		return
	}
	defer conn.Close()
	askOver(t, conn.(half), said)
}

func askOver(t testing.TB, conn half, said string) {
	t.Helper()
	_ = conn.SetDeadline(time.Now().Add(5 * time.Minute))
	_, err := io.WriteString(conn, said)
	err = errors.Join(err, conn.CloseWrite())
	got, failed := io.ReadAll(conn)
	if err := errors.Join(err, failed); err != nil || string(got) != "heard "+said {
		t.Errorf("%s: %d bytes for %d, %v", conn.RemoteAddr(), len(got), len(said), err)
	}
}
