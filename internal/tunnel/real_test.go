//go:build linux

package tunnel_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/mosha-ssh/mosha/internal/tunnel"
)

// TestWays: each kind of tunnel carries a request and its answer, between TCP
// and Unix sockets, and passes on that a side is half closed.
func TestWays(t *testing.T) {
	s := newSite(t)
	s.connect()
	tcp := serve(t, "tcp", "127.0.0.1:0", answer).Addr().(*net.TCPAddr).Port
	unix := s.path("target")
	serve(t, "unix", unix, answer)
	said := strings.Repeat("a word ", 100_000)
	for _, kind := range []tunnel.Kind{tunnel.Local, tunnel.Remote} {
		for _, target := range []string{fmt.Sprintf("localhost:%d", tcp), unix} {
			port := freePort(t)
			socket := s.path(fmt.Sprintf("%s%d", kind, port))
			s.add(spec(t, kind, "%d:%s", port, target), spec(t, kind, "%s:%s", socket, target))
			ask(t, "tcp", fmt.Sprintf("127.0.0.1:%d", port), said)
			ask(t, "tcp", fmt.Sprintf("[::1]:%d", port), said)
			ask(t, "unix", socket, said)
			if info, err := os.Stat(socket); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("%s: %v, %v", socket, info.Mode(), err)
			}
		}
	}
	for _, status := range s.set.Status() {
		want := int64(2)
		if status.Listen.Path != "" {
			want = 1
		}
		sent, received := want*int64(len(said)), want*int64(len(said)+len("heard "))
		if status.Kind == tunnel.Remote {
			sent, received = received, sent
		}
		if status.State != tunnel.Up || status.Total != want || status.Sent != sent || status.Received != received {
			t.Errorf("%+v", status)
		}
	}
}

// TestSOCKS: curl goes where it likes, by names that are resolved there, from
// here and from the remote, and only where it may.
func TestSOCKS(t *testing.T) {
	s := newSite(t)
	s.connect()
	web := serve(t, "tcp", "127.0.0.1:0", func(conn half) {
		_, _ = conn.Read(make([]byte, 4096))
		_, _ = io.WriteString(conn, "HTTP/1.0 200 OK\r\n\r\nwelcome")
	})
	port, socket := freePort(t), s.path("socks")
	s.add(spec(t, tunnel.Dynamic, "%d", port), spec(t, tunnel.Dynamic, "%s", socket), spec(t, tunnel.Remote, "0"))
	chosen := s.set.Status()[2].Port
	if chosen == 0 {
		t.Fatal("no port was chosen")
	}
	url := strings.Replace("http://"+web.Addr().String(), "127.0.0.1", "localhost", 1)
	for _, proxy := range []string{"socks4://127.0.0.1", "socks4a://127.0.0.1", "socks5://127.0.0.1", "socks5h://127.0.0.1"} {
		for _, port := range []int{port, chosen} {
			out, err := exec.Command("curl", "-4", "-sS", "-x", fmt.Sprintf("%s:%d", proxy, port), url).CombinedOutput()
			if err != nil || string(out) != "welcome" {
				t.Errorf("%s:%d: %q, %v", proxy, port, out, err)
			}
		}
	}
	shut := tunnel.Request{Spec: spec(t, tunnel.Remote, "%d", freePort(t)), Rules: tunnel.Rules{PermitOpen: []string{"other:80"}}}
	if errs := s.set.Add(t.Context(), shut); errs[0] != nil {
		t.Fatal(errs[0])
	}
	out, err := exec.Command("curl", "-sS", "-x", fmt.Sprintf("socks5h://127.0.0.1:%d", shut.Listen.Port), url).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "(2)") { // not allowed by ruleset
		t.Errorf("%q, %v", out, err)
	}
}

// TestLoss: connections are reset when the SSH connection is lost, and never end
// as if all were there; listeners stay, and who comes meanwhile waits.
func TestLoss(t *testing.T) {
	s := newSite(t)
	port, back := freePort(t), freePort(t)
	target := serve(t, "tcp", "127.0.0.1:0", func(conn half) {
		_, _ = io.WriteString(conn, "half of it")
		_, _ = io.Copy(io.Discard, conn)
	}).Addr().(*net.TCPAddr).Port
	answers := serve(t, "tcp", "127.0.0.1:0", answer).Addr().(*net.TCPAddr).Port
	s.add(spec(t, tunnel.Local, "%d:localhost:%d", port, target))
	local, remote := spec(t, tunnel.Local, "%d:localhost:%d", freePort(t), answers), spec(t, tunnel.Remote, "%d:localhost:%d", back, answers)
	s.add(local)
	c := s.connect()
	for i := range 20 {
		s.add(remote)
		var open []net.Conn
		for range 10 {
			conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if _, err := io.ReadFull(conn, make([]byte, 10)); err != nil {
				t.Fatal(err)
			}
			open = append(open, conn)
		}
		s.set.Use(nil)
		if i%2 == 0 {
			if err := s.sshd.KillSessions(); err != nil {
				t.Fatal(err)
			}
		} else {
			_ = c.Close()
		}
		for _, conn := range open {
			_ = conn.SetDeadline(time.Now().Add(5 * time.Minute))
			if n, err := conn.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("round %d: %d bytes, %v", i, n, err)
			}
		}
		s.until("-R waits", func() bool { return s.status(remote).State == tunnel.Waiting })
		var waiting sync.WaitGroup
		for range 5 {
			waiting.Go(func() { ask(t, "tcp", fmt.Sprintf("127.0.0.1:%d", local.Listen.Port), "who waits") })
		}
		c = s.connect()
		waiting.Wait()
		s.until("-R is back", func() bool { return s.status(remote).State == tunnel.Up })
		ask(t, "tcp", fmt.Sprintf("127.0.0.1:%d", back), "from there")
	}
}

// TestPatience: who comes while there is no SSH connection is reset after ten
// seconds.
func TestPatience(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	local := spec(t, tunnel.Local, "%d:localhost:1", freePort(t))
	s.add(local)
	conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", local.Listen.Port))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	began := time.Now()
	_, err = conn.Read(make([]byte, 1))
	if waited := time.Since(began); !errors.Is(err, syscall.ECONNRESET) || waited < 9*time.Second {
		t.Errorf("%v after %v", err, waited)
	}
}

// TestHeld: a port that an earlier connection still holds on the server is had
// as soon as that is gone, also one that the server chose.
func TestHeld(t *testing.T) {
	s := newSite(t)
	target := serve(t, "tcp", "127.0.0.1:0", answer).Addr().(*net.TCPAddr).Port
	named, chosen := spec(t, tunnel.Remote, "%d:localhost:%d", freePort(t), target), spec(t, tunnel.Remote, "0:localhost:%d", target)
	old := s.connect()
	s.add(named, chosen)
	port := s.status(chosen).Port
	first := s.set
	t.Cleanup(first.Close)
	s.set = newSet()
	s.connect()
	for _, spec := range []tunnel.Spec{named, {Kind: tunnel.Remote, Listen: tunnel.Endpoint{Port: port}, Target: chosen.Target}} {
		errs := s.set.Add(t.Context(), tunnel.Request{Spec: spec})
		if refused := (*tunnel.RefusedError)(nil); !errors.As(errs[0], &refused) {
			t.Errorf("%s: %v", spec.Flag(), errs[0])
		}
	}
	_ = old.Close()
	began := time.Now()
	s.until("both are had", func() bool {
		for _, status := range s.set.Status() {
			if status.State != tunnel.Up {
				return false
			}
		}
		return true
	})
	t.Logf("had after %v", time.Since(began))
	ask(t, "tcp", fmt.Sprintf("127.0.0.1:%d", port), "again")
}

// TestSocketLeft: a socket on the server that a killed sshd left is removed, once
// it is known to be that.
func TestSocketLeft(t *testing.T) {
	s := newSite(t)
	target := serve(t, "tcp", "127.0.0.1:0", answer).Addr().(*net.TCPAddr).Port
	at := spec(t, tunnel.Remote, "%s:localhost:%d", s.path("there"), target)
	removed := 0
	s.set.Unlink = func(_ context.Context, _ tunnel.Opener, path string) {
		removed++
		_ = os.Remove(path)
	}
	for range 3 {
		s.connect()
		s.until("it is had", func() bool { return s.set.Add(t.Context(), tunnel.Request{Spec: at})[0] == nil })
		ask(t, "unix", s.path("there"), "who is there")
		if err := s.sshd.KillSessions(); err != nil {
			t.Fatal(err)
		}
	}
	if removed != 2 {
		t.Errorf("removed %d times", removed)
	}
	s.set.Unlink = func(context.Context, tunnel.Opener, string) { t.Error("a socket in use was removed") }
	if err := os.Remove(s.path("there")); err != nil {
		t.Fatal(err)
	}
	came := make(chan struct{}, 100)
	other := serve(t, "unix", s.path("there"), func(half) { came <- struct{}{} })
	s.connect()
	for range 3 { // the server is asked again and again
		<-came
	}
	_ = other.Close()
	s.until("it is had", func() bool { return s.set.Add(t.Context(), tunnel.Request{Spec: at})[0] == nil })
	s.set.Close()
	s.set = newSet()
	s.set.Unlink = func(context.Context, tunnel.Opener, string) { t.Error("another's socket was removed") }
	s.connect()
	if refused := (*tunnel.RefusedError)(nil); !errors.As(s.set.Add(t.Context(), tunnel.Request{Spec: at})[0], &refused) {
		t.Error("a socket that was there was taken")
	}
}

// TestInUse: who has a port is said, and it is had once it is free.
func TestInUse(t *testing.T) {
	s := newSite(t)
	other := serve(t, "tcp", "127.0.0.1:0", answer)
	six, err := net.Listen("tcp6", strings.Replace(other.Addr().String(), "127.0.0.1", "[::1]", 1))
	if err != nil {
		t.Fatal(err)
	}
	local := spec(t, tunnel.Local, "%d:localhost:1", other.Addr().(*net.TCPAddr).Port)
	add := func() error { return s.set.Add(t.Context(), tunnel.Request{Spec: local})[0] }
	if used := (*tunnel.InUseError)(nil); !errors.As(add(), &used) || used.PID != os.Getpid() || used.Program != "tunnel.test" {
		t.Errorf("%v", used)
	}
	_ = six.Close()
	if err := add(); err == nil || s.status(local).State != tunnel.Up { // at one address only
		t.Errorf("%v, %+v", err, s.status(local))
	}
	if err := s.set.Cancel(local); err != nil {
		t.Error(err)
	}
	_ = other.Close()
	if err := add(); err != nil {
		t.Error(err)
	}
	if err := add(); err != nil { // it is there
		t.Error(err)
	}
	if err := errors.Join(s.set.Cancel(local), add()); err != nil {
		t.Error(err)
	}
	socket := s.path("stale")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: socket})
	if err != nil {
		t.Fatal(err)
	}
	at := spec(t, tunnel.Local, "%s:localhost:1", socket)
	if used := (*tunnel.InUseError)(nil); !errors.As(s.set.Add(t.Context(), tunnel.Request{Spec: at})[0], &used) {
		t.Error("a socket that is in use was taken")
	}
	l.SetUnlinkOnClose(false)
	_ = l.Close()
	s.add(at)
}

// TestCancel: a tunnel that was cancelled is gone on both sides, its connections
// are not.
func TestCancel(t *testing.T) {
	s := newSite(t)
	s.connect()
	target := serve(t, "tcp", "127.0.0.1:0", answer).Addr().(*net.TCPAddr).Port
	for _, kind := range []tunnel.Kind{tunnel.Local, tunnel.Remote} {
		at := spec(t, kind, "%d:localhost:%d", freePort(t), target)
		s.add(at)
		address := fmt.Sprintf("127.0.0.1:%d", at.Listen.Port)
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		s.until("it is served", func() bool { return s.status(at).Open == 1 })
		if err := s.set.Cancel(at); err != nil {
			t.Error(err)
		}
		s.until("nobody listens", func() bool {
			other, err := net.Dial("tcp", address)
			if err == nil {
				_ = other.Close()
			}
			return err != nil
		})
		askOver(t, conn.(half), "still open")
		if err := s.set.Cancel(at); !errors.Is(err, tunnel.ErrNone) {
			t.Errorf("the second time: %v", err)
		}
	}
	chosen := spec(t, tunnel.Remote, "0:localhost:%d", target)
	s.add(chosen)
	byPort := chosen
	byPort.Listen.Port = s.status(chosen).Port
	if err := s.set.Cancel(byPort); err != nil {
		t.Error(err)
	}
}
