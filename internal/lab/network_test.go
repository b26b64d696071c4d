//go:build linux

package lab_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mosha-ssh/mosha/internal/lab"
	"github.com/mosha-ssh/mosha/internal/lab/labtest"
)

const echoPort = 7

// within returns a context that ends well before the test's own time is up, so
// that what never happens is reported.
func within(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// echo answers every line on port 7 of the machine, and sends it to heard.
func echo(t testing.TB, m *lab.Machine) (heard chan string) {
	t.Helper()
	listener, err := m.Listen(fmt.Sprintf("[::]:%d", echoPort))
	check(t, err)
	t.Cleanup(func() { listener.Close() })
	heard = make(chan string, 100)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { conn.Close() })
			go func() {
				lines := bufio.NewScanner(conn)
				for lines.Scan() {
					heard <- lines.Text()
					fmt.Fprintln(conn, lines.Text())
				}
			}()
		}
	}()
	return heard
}

func dial(t testing.TB, from *lab.Machine, to netip.Addr) net.Conn {
	t.Helper()
	conn, err := from.Dial(within(t), "tcp", netip.AddrPortFrom(to, echoPort).String())
	check(t, err)
	t.Cleanup(func() { conn.Close() })
	return conn
}

// say sends a line and waits for its echo.
func say(t testing.TB, conn net.Conn, line string) {
	t.Helper()
	_, err := fmt.Fprintln(conn, line)
	check(t, err)
	listen(t, conn, line)
}

func listen(t testing.TB, conn net.Conn, line string) {
	t.Helper()
	check(t, conn.SetReadDeadline(time.Now().Add(5*time.Minute)))
	got := make([]byte, len(line)+1)
	if _, err := io.ReadFull(conn, got); err != nil || string(got) != line+"\n" {
		t.Fatalf("heard %q, %v, want %q", got, err, line)
	}
}

func TestMachinesReachEachOther(t *testing.T) {
	t.Parallel()
	l := labtest.New(t)
	third, err := l.AddMachine("jump")
	check(t, err)
	machines := []*lab.Machine{l.Laptop, l.Devbox, third}
	for _, m := range machines {
		echo(t, m)
	}
	for _, from := range machines {
		for _, to := range machines {
			say(t, dial(t, from, to.Addr()), "over IPv4")
			say(t, dial(t, from, to.Addr6()), "over IPv6")
		}
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	l := labtest.New(t)
	for _, name := range []string{"devbox", "devbox4", "devbox6"} {
		out, err := l.Laptop.Command(within(t), "getent", "ahosts", name).Output()
		check(t, err)
		v4 := strings.Contains(string(out), l.Devbox.Addr().String())
		v6 := strings.Contains(string(out), l.Devbox.Addr6().String())
		if v4 != (name != "devbox6") || v6 != (name != "devbox4") {
			t.Errorf("%s is %s", name, out)
		}
	}
	out, err := l.Devbox.Command(within(t), "uname", "-n").Output()
	if string(out) != "devbox\n" || err != nil {
		t.Errorf("the devbox calls itself %q, %v", out, err)
	}
}

func TestRTT(t *testing.T) {
	t.Parallel()
	l := labtest.New(t)
	echo(t, l.Devbox)
	const rtt = 100 * time.Millisecond
	l.Cable.SetRTT(rtt)
	begin := time.Now()
	conn := dial(t, l.Laptop, l.Devbox.Addr())
	if took := time.Since(begin); took < rtt {
		t.Errorf("connected in %v, less than a round trip", took)
	}
	begin = time.Now()
	say(t, conn, "hello")
	if took := time.Since(begin); took < rtt {
		t.Errorf("answered in %v, less than a round trip", took)
	}
}

func TestCutAndHeal(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		dir     lab.Direction
		arrives bool // what the laptop says
	}{
		{"both", lab.Both, false},
		{"out", lab.Out, false},
		{"in", lab.In, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			l := labtest.New(t)
			heard := echo(t, l.Devbox)
			conn := dial(t, l.Laptop, l.Devbox.Addr())
			say(t, conn, "before")
			<-heard
			l.Cable.CutDirection(test.dir)
			before := l.Cable.Stats(test.dir)
			_, err := fmt.Fprintln(conn, "into the cut")
			check(t, err)
			check(t, lab.Eventually(within(t), "a packet is lost", func() (bool, error) {
				return l.Cable.Stats(test.dir).Lost > before.Lost, nil
			}))
			if after := l.Cable.Stats(test.dir); after.Packets != before.Packets {
				t.Errorf("%d packets passed a cut", after.Packets-before.Packets)
			}
			if test.arrives {
				<-heard // the answer is what is lost
			} else if len(heard) != 0 {
				t.Errorf("heard %q through a cut", <-heard)
			}
			l.Cable.Heal()
			listen(t, conn, "into the cut")
		})
	}
}

func TestLoss(t *testing.T) {
	t.Parallel()
	l := labtest.New(t)
	l.Cable.SetLoss(0.5)
	check(t, l.Devbox.Do(func() error {
		listener, err := net.ListenPacket("udp", fmt.Sprintf(":%d", echoPort))
		if err == nil {
			t.Cleanup(func() { listener.Close() })
		}
		return err
	}))
	conn, err := l.Laptop.Dial(within(t), "udp", netip.AddrPortFrom(l.Devbox.Addr(), echoPort).String())
	check(t, err)
	defer conn.Close()
	const sent = 1000
	before := l.Cable.Stats(lab.Out)
	for range sent {
		_, err := conn.Write([]byte("x"))
		check(t, err)
	}
	var lost, passed uint64
	check(t, lab.Eventually(within(t), "all packets have passed or are lost", func() (bool, error) {
		now := l.Cable.Stats(lab.Out)
		lost, passed = now.Lost-before.Lost, now.Packets-before.Packets
		return lost+passed >= sent, nil
	}))
	if lost < sent*3/10 || passed < sent*3/10 {
		t.Errorf("%d lost, %d passed, want about as many", lost, passed)
	}
}

func TestRoam(t *testing.T) {
	t.Parallel()
	l := labtest.New(t)
	heard := echo(t, l.Devbox)
	old := dial(t, l.Laptop, l.Devbox.Addr())
	say(t, old, "from home")
	<-heard
	home := l.Laptop.Addr()

	work, err := l.Laptop.Roam()
	check(t, err)
	if work == home || work != l.Laptop.Addr() {
		t.Fatalf("roamed from %v to %v, and is at %v", home, work, l.Laptop.Addr())
	}
	if _, err := fmt.Fprintln(old, "still from home"); err != nil {
		t.Errorf("the old connection was told: %v", err)
	}
	for _, to := range []netip.Addr{l.Devbox.Addr(), l.Devbox.Addr6()} {
		conn := dial(t, l.Laptop, to)
		say(t, conn, "from work")
		if got := <-heard; got != "from work" {
			t.Errorf("heard %q", got)
		}
	}
	if addr := dial(t, l.Laptop, l.Devbox.Addr()).LocalAddr().(*net.TCPAddr).AddrPort().Addr(); addr != work {
		t.Errorf("connected from %v, want %v", addr, work)
	}
}

func TestLinkDownAndUp(t *testing.T) {
	t.Parallel()
	l := labtest.New(t)
	echo(t, l.Devbox)
	check(t, l.Laptop.LinkDown())
	for _, to := range []netip.Addr{l.Devbox.Addr(), l.Devbox.Addr6()} {
		_, err := l.Laptop.Dial(within(t), "tcp", netip.AddrPortFrom(to, echoPort).String())
		if !errors.Is(err, syscall.ENETUNREACH) {
			t.Errorf("dial with the link down: %v, want %v", err, syscall.ENETUNREACH)
		}
	}
	work, err := l.Laptop.Roam()
	check(t, err)
	check(t, l.Laptop.LinkUp())
	say(t, dial(t, l.Laptop, l.Devbox.Addr6()), "over IPv6")
	conn := dial(t, l.Laptop, l.Devbox.Addr())
	say(t, conn, "over IPv4")
	if addr := conn.LocalAddr().(*net.TCPAddr).AddrPort().Addr(); addr != work {
		t.Errorf("connected from %v, want %v", addr, work)
	}
	check(t, l.Laptop.LinkDown())
	check(t, l.Laptop.LinkUp())
	say(t, conn, "over the old connection")
}

func TestNobodysAddressIsSilent(t *testing.T) {
	t.Parallel()
	l := labtest.New(t)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := l.Laptop.Dial(ctx, "tcp", "10.99.0.1:22")
	if failed, ok := errors.AsType[net.Error](err); !ok || !failed.Timeout() {
		t.Errorf("dial: %v, want a timeout", err)
	}
	_, err = l.Laptop.Dial(within(t), "tcp", netip.AddrPortFrom(l.Devbox.Addr(), 1).String())
	if !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("dial to a closed port: %v, want it refused", err)
	}
}

// BenchmarkCable measures what passes a cable without delay.
func BenchmarkCable(b *testing.B) {
	l := labtest.New(b)
	listener, err := l.Devbox.Listen(fmt.Sprintf("[::]:%d", echoPort))
	check(b, err)
	go func() {
		conn, err := listener.Accept()
		if err == nil {
			_, _ = io.Copy(io.Discard, conn)
		}
	}()
	conn := dial(b, l.Laptop, l.Devbox.Addr())
	chunk := make([]byte, 64<<10)
	b.SetBytes(int64(len(chunk)))
	for b.Loop() {
		_, err := conn.Write(chunk)
		check(b, err)
	}
	listener.Close()
}
