package netevent

import (
	"context"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"

	"github.com/mosha-ssh/mosha/internal/lab"
	"github.com/mosha-ssh/mosha/internal/lab/labtest"
)

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

// ip runs ip(8) on the machine.
func ip(t testing.TB, m *lab.Machine, args string) {
	t.Helper()
	if out, err := m.Command(within(t), "ip", strings.Fields(args)...).CombinedOutput(); err != nil {
		t.Fatalf("ip %s: %v: %s", args, err, out)
	}
}

// openOn returns a socket in the machine's network.
func openOn(t testing.TB, m *lab.Machine) (s *socket) {
	t.Helper()
	check(t, m.Do(func() (err error) {
		s, err = openSocket()
		return err
	}))
	t.Cleanup(func() { _ = s.file.Close() })
	check(t, s.file.SetReadDeadline(time.Now().Add(5*time.Minute)))
	return s
}

// during returns what the socket tells of while act runs. As messages come in
// order, all have come when those of a rule have, which is made for that.
func during(t testing.TB, m *lab.Machine, s *socket, act func()) (causes []cause) {
	t.Helper()
	act()
	ip(t, m, "rule add priority 7777 table main")
	ip(t, m, "rule delete priority 7777 table main")
	for rules := 0; rules < 2; {
		c, err := s.next()
		check(t, err)
		if c == rule {
			rules++
		} else {
			causes = append(causes, c)
		}
	}
	return causes
}

func TestKernelTellsOfChanges(t *testing.T) {
	t.Parallel()
	l := labtest.New(t)
	s := openOn(t, l.Laptop)
	run := func(args string) func() { return func() { ip(t, l.Laptop, args) } }
	for _, step := range []struct {
		name string
		act  func()
		want cause
	}{
		{"roam", func() {
			_, err := l.Laptop.Roam()
			check(t, err)
		}, address},
		{"IPv4 address added", run("address add 10.99.0.1/24 dev net0"), address},
		{"IPv4 address deleted", run("address delete 10.99.0.1/24 dev net0"), address},
		{"IPv6 address added", run("address add fd99::1/64 dev net0 nodad"), address},
		{"IPv6 address deleted", run("address delete fd99::1/64 dev net0"), address},
		{"default route deleted", run("route delete default"), route},
		{"default route added", run("route add default dev net0"), route},
		{"default route replaced", run("route replace default dev net0 mtu 1400"), route},
		{"IPv6 default route replaced", run("-6 route replace default dev net0 mtu 1400"), route},
		{"link down", func() { check(t, l.Laptop.LinkDown()) }, link},
		{"link up", func() { check(t, l.Laptop.LinkUp()) }, link},
		{"link added", run("link add d0 type veth peer name d1"), link},
		{"added link up", run("link set d0 up"), link},
		{"link deleted", run("link delete d0"), link},
	} {
		causes := during(t, l.Laptop, s, step.act)
		for !slices.Contains(causes, step.want) { // IPv6 is told of later, by a worker of the kernel
			c, err := s.next()
			if err != nil {
				t.Fatalf("%s: %v after %q, want %q", step.name, err, causes, step.want)
			}
			causes = append(causes, c)
		}
	}
}

// What changes nothing for a connection is no event. It is done several times,
// because what was never told of is an event once, and because the kernel tells
// of a new link's carrier when it gets around to it.
func TestNoiseIsNotTold(t *testing.T) {
	t.Parallel()
	l := labtest.New(t)
	s := openOn(t, l.Laptop)
	ip(t, l.Laptop, "link add d0 type veth peer name d1")
	ip(t, l.Laptop, "link set d0 up")
	ip(t, l.Laptop, "link set d1 up")
	for _, noise := range []string{
		"neighbour replace 10.77.0.99 lladdr 02:00:00:00:00:01 dev d0",
		"link set d0 alias office",
		"address replace 10.99.0.1/24 dev net0 valid_lft 1000 preferred_lft 1000",
		"address replace fd99::1/64 dev net0 valid_lft 1000 preferred_lft 1000",
	} {
		check(t, lab.Eventually(within(t), noise+" is not told of", func() (bool, error) {
			return during(t, l.Laptop, s, func() { ip(t, l.Laptop, noise) }) == nil, nil
		}))
	}
}

func TestOverrunIsTold(t *testing.T) {
	t.Parallel()
	l := labtest.New(t)
	s := openOn(t, l.Laptop)
	conn, err := s.file.SyscallConn()
	check(t, err)
	check(t, conn.Control(func(fd uintptr) {
		check(t, unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, 1))
	}))
	for range 20 {
		ip(t, l.Laptop, "address add 10.99.0.1/24 dev net0")
		ip(t, l.Laptop, "address delete 10.99.0.1/24 dev net0")
	}
	causes := make(chan cause)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			c, err := s.next()
			if err != nil {
				return
			}
			causes <- c
		}
	}()
	select {
	case c := <-causes:
		if c != overrun {
			t.Errorf("first is %q", c)
		}
	case <-ended:
		t.Fatal("it is the end")
	}
	check(t, lab.Eventually(within(t), "changes are told of again", func() (bool, error) {
		ip(t, l.Laptop, "rule add priority 7777 table main")
		ip(t, l.Laptop, "rule delete priority 7777 table main")
		select {
		case c := <-causes:
			return c == rule, nil
		default:
			return false, nil
		}
	}))
	check(t, s.file.Close())
	for open := true; open; {
		select {
		case <-causes:
		case <-ended:
			open = false
		}
	}
}

// watchOn watches in the machine's network.
func watchOn(ctx context.Context, t testing.TB, m *lab.Machine) (events <-chan Event) {
	t.Helper()
	check(t, m.Do(func() error {
		events = Watch(ctx, zerolog.New(zerolog.NewTestWriter(t)))
		return nil
	}))
	return events
}

func TestWatch(t *testing.T) {
	t.Parallel()
	l := labtest.New(t)
	for name, act := range map[string]func() error{
		"roam":      func() error { _, err := l.Laptop.Roam(); return err },
		"link down": l.Laptop.LinkDown,
	} {
		ctx, cancel := context.WithCancel(within(t))
		events := watchOn(ctx, t, l.Laptop)
		check(t, act())
		told := false
		for !told {
			e, open := <-events
			if !open {
				t.Fatalf("%s: not told of", name)
			}
			told = e.Network
		}
		cancel()
		drain(t, events)
	}
}

// drain waits until the channel is closed.
func drain(t testing.TB, events <-chan Event) {
	t.Helper()
	ctx := within(t)
	for open := true; open; {
		select {
		case _, open = <-events:
		case <-ctx.Done():
			t.Fatal("the watch never ends")
		}
	}
}

// descriptors counts the open ones.
func descriptors(t testing.TB) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	check(t, err)
	return len(entries)
}

// It is not parallel, so that no other test is running.
func TestNothingIsLeft(t *testing.T) {
	watch := func(n int) {
		ctx, cancel := context.WithCancel(t.Context())
		var all []<-chan Event
		for range n {
			all = append(all, Watch(ctx, zerolog.Nop()))
		}
		cancel()
		for _, events := range all {
			drain(t, events)
		}
	}
	watch(1) // Go's own descriptors and goroutines, for polling and signals, stay
	goroutines, files := runtime.NumGoroutine(), descriptors(t)
	watch(20)
	if n := descriptors(t); n > files {
		t.Errorf("%d descriptors, before it %d", n, files)
	}
	// The goroutine that closes the channel only has to end.
	check(t, lab.Eventually(within(t), "as many goroutines as before", func() (bool, error) {
		return runtime.NumGoroutine() <= goroutines, nil
	}))
}
