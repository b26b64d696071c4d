package mosh

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

var loopback = netip.MustParseAddr("127.0.0.1")

// server starts a real mosh-server on loopback and returns its session. The
// server's command makes the file began when the server releases it.
func server(t *testing.T, began string) Session {
	t.Helper()
	cmd := exec.Command("mosh-server", "new", "-i", loopback.String(), "--", "sh", "-c", "touch '"+began+"'; exec sleep 60")
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("mosh-server: %v: %s", err, out)
	}
	pid := regexp.MustCompile(`detached, pid = (\d+)`).FindSubmatch(out)
	if pid == nil {
		t.Fatalf("mosh-server said no pid: %s", out)
	}
	n, err := strconv.Atoi(string(pid[1]))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Kill(n, syscall.SIGKILL) })
	for line := range strings.Lines(string(out)) {
		if s, err := ParseConnect(strings.TrimSpace(line)); err == nil {
			return s
		}
	}
	t.Fatalf("no CONNECT line: %s", out)
	return Session{}
}

func within(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// TestContact: the real server takes what we say for a client's first words.
func TestContact(t *testing.T) {
	began := t.TempDir() + "/began"
	s := server(t, began)
	trip, err := s.Contact(within(t, 5*time.Minute), loopback)
	if err != nil || trip <= 0 {
		t.Fatalf("contact: %v, %v", trip, err)
	}
	for ctx := within(t, 5*time.Minute); ctx.Err() == nil; pause(ctx, 10*time.Millisecond) {
		if _, err := os.Stat(began); err == nil {
			return
		}
	}
	t.Error("the server did not release its command")
}

// TestContactTimesTheAnswer to the datagram that it answers, not to the last
// one that went: on this way each direction takes longer than the pause between
// two.
func TestContactTimesTheAnswer(t *testing.T) {
	const oneWay = 2 * contactInterval
	s := server(t, t.TempDir()+"/began")
	far := s
	far.Port = slowWay(t, s.Port, oneWay)
	trip, err := far.Contact(within(t, 30*time.Second), loopback)
	if err != nil || trip < 2*oneWay {
		t.Errorf("over a way of %v there and back it took %v (%v)", 2*oneWay, trip, err)
	}
}

// slowWay passes datagrams on to a port on loopback and back, each after a
// while, and returns its own.
func slowWay(t *testing.T, port int, delay time.Duration) int {
	t.Helper()
	near, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(loopback, 0)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = near.Close() })
	far, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(loopback, uint16(port))))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = far.Close() })
	var client atomic.Pointer[netip.AddrPort]
	pass := func(read func([]byte) (int, error), write func([]byte)) {
		for {
			buf := make([]byte, mtu)
			n, err := read(buf)
			if errors.Is(err, net.ErrClosed) {
				return
			}
			time.AfterFunc(delay, func() { write(buf[:n]) })
		}
	}
	go pass(func(p []byte) (int, error) {
		n, from, err := near.ReadFromUDPAddrPort(p)
		client.Store(&from)
		return n, err
	}, func(p []byte) { _, _ = far.Write(p) })
	go pass(far.Read, func(p []byte) { _, _ = near.WriteToUDPAddrPort(p, *client.Load()) })
	return near.LocalAddr().(*net.UDPAddr).Port
}

// TestContactNeedsTheKey: a server with another key is silent.
func TestContactNeedsTheKey(t *testing.T) {
	s := server(t, t.TempDir()+"/began")
	s.key[3] ^= 1
	_, err := s.Contact(within(t, 2*time.Second), loopback)
	var failed *ContactError
	if !errors.As(err, &failed) || failed.Err != nil {
		t.Errorf("contact with a wrong key: %v (%+v)", err, failed)
	}
}

// TestContactRefused: where nothing listens, it ends long before its time.
func TestContactRefused(t *testing.T) {
	taken, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(loopback, 0)))
	if err != nil {
		t.Fatal(err)
	}
	s := Session{Port: taken.LocalAddr().(*net.UDPAddr).Port}
	_ = taken.Close()
	ctx := within(t, 5*time.Minute)
	_, err = s.Contact(ctx, loopback)
	var failed *ContactError
	if !errors.As(err, &failed) || !failed.Refused() || ctx.Err() != nil {
		t.Errorf("contact with nobody: %v", err)
	}
}

// TestContactIgnoresStrangers: nobody without the key can answer for the
// server, not even with our own datagram.
func TestContactIgnoresStrangers(t *testing.T) {
	echo, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(loopback, 0)))
	if err != nil {
		t.Fatal(err)
	}
	defer echo.Close()
	var sent atomic.Int32
	go func() {
		buf := make([]byte, mtu)
		for {
			n, from, err := echo.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			for _, p := range [][]byte{nil, buf[:n], append([]byte{0x80}, buf[1:n]...)} {
				_, _ = echo.WriteToUDPAddrPort(p, from)
				sent.Add(1)
			}
		}
	}()
	s := Session{Port: echo.LocalAddr().(*net.UDPAddr).Port}
	_, err = s.Contact(within(t, time.Second), loopback)
	var failed *ContactError
	if !errors.As(err, &failed) || sent.Load() < 3 {
		t.Errorf("contact with an echo: %v (%+v)", err, failed)
	}
}

func TestParseConnect(t *testing.T) {
	key := base64.RawStdEncoding.EncodeToString([]byte("0123456789abcdef"))
	s, err := ParseConnect("MOSH CONNECT 60001 " + key)
	if err != nil || s.Port != 60001 || string(s.key[:]) != "0123456789abcdef" {
		t.Errorf("got %v, %v", s, err)
	}
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		if shown := fmt.Sprintf(format, s); strings.Contains(shown, "48") || strings.Contains(shown, "0123") {
			t.Errorf("%s shows %s", format, shown)
		}
	}
	for line, want := range map[string]string{
		"": "form", "MOSH CONNECT": "form", "MOSH CONNECT ": "form", "MOSH CONNECT 60001": "form",
		"xMOSH CONNECT 60001 " + key: "form", "MOSH CONNECT 60001 " + key + " x": "form", "MOSH CONNECT 60001\t" + key: "form",
		"MOSH CONNECT 0 " + key: "port", "MOSH CONNECT 65536 " + key: "port", "MOSH CONNECT 99999 " + key: "port",
		"MOSH CONNECT -1 " + key: "port", "MOSH CONNECT +1 " + key: "port", "MOSH CONNECT 0x50 " + key: "port",
		"MOSH CONNECT  60001 " + key: "form", "MOSH CONNECT 184467440737095516160 " + key: "port", "MOSH CONNECT ６0001 " + key: "port",
		"MOSH CONNECT 60001 " + key + "A": "key", "MOSH CONNECT 60001 " + key[:21]: "key", "MOSH CONNECT 60001 " + key[:21] + "-": "key",
		"MOSH CONNECT 60001 " + key[:21] + "h":  "key", // mosh-client takes no key that is written in another way
		"MOSH CONNECT 60001 " + key[:21] + "\n": "key", "MOSH CONNECT 60001 " + key + "==": "key",
	} {
		s, err := ParseConnect(line)
		if err == nil || !strings.HasPrefix(err.Error(), "bad "+want+" ") || strings.Contains(err.Error(), key[:21]) {
			t.Errorf("%q is read as %v, %v; want %s", line, s, err, want)
		}
	}
}

func FuzzOpen(f *testing.F) {
	box, err := newBox([16]byte{})
	if err != nil {
		f.Fatal(err)
	}
	sealed, err := seal(box, 1, 2, firstInstruction)
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range [][]byte{nil, sealed, sealed[:20], make([]byte, 28), make([]byte, mtu)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, datagram []byte) {
		if _, err := open(box, datagram); err == nil {
			t.Errorf("%x is taken for the server's", datagram)
		}
	})
}
