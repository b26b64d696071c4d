//go:build linux

package proxy

import (
	"errors"
	"net"
	"os"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/mosha-ssh/mosha/internal/lab/labtest"
)

// TestReceiveConn takes the first socket of what comes, and closes the rest.
func TestReceiveConn(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	conn, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	socket, err := conn.(*net.TCPConn).File()
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	good, bad := int(socket.Fd()), int(null.Fd())
	for name, test := range map[string]struct {
		fds []int
		ok  bool
	}{
		"one":          {[]int{good}, true},
		"two":          {[]int{good, good}, true},
		"the second":   {[]int{bad, good}, true},
		"none":         {nil, false},
		"no socket":    {[]int{bad}, false},
		"far too many": {slices.Repeat([]int{bad}, 200), false},
	} {
		t.Run(name, func(t *testing.T) {
			before := labtest.Descriptors(t)
			got, err := handOver(t, test.fds)
			if (err == nil) != test.ok || !test.ok && !errors.Is(err, errNoSocket) {
				t.Errorf("%v", err)
			}
			if err == nil {
				if got.RemoteAddr().String() != listener.Addr().String() {
					t.Errorf("a connection to %v", got.RemoteAddr())
				}
				got.Close()
			}
			if now := labtest.Descriptors(t); now != before {
				t.Errorf("%d descriptors, before %d", now, before)
			}
		})
	}
}

// handOver passes descriptors through a socket.
func handOver(t *testing.T, passed []int) (net.Conn, error) {
	t.Helper()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pair[0])
	file := os.NewFile(uintptr(pair[1]), "socket")
	defer file.Close()
	conn, err := net.FileConn(file)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var rights []byte
	if len(passed) > 0 {
		rights = unix.UnixRights(passed...)
	}
	if err := unix.Sendmsg(pair[0], []byte{0}, rights, nil, 0); err != nil {
		t.Fatal(err)
	}
	return receiveConn(conn.(*net.UnixConn))
}
