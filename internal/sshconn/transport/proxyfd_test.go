//go:build linux

package transport

import (
	"errors"
	"net"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/mosha-ssh/mosha/internal/lab"
	"github.com/mosha-ssh/mosha/internal/lab/labtest"
	"github.com/mosha-ssh/mosha/internal/sshconn"
	"golang.org/x/sys/unix"
)

// TestProxyHandsOver takes the socket that nc(1) passes on.
func TestProxyHandsOver(t *testing.T) {
	s := newSite(t, lab.SshdConfig{})
	labtest.LeavesNothing(t, func() {
		cfg := s.config("ProxyUseFdpass yes\nProxyCommand nc -F %h %p")
		conn, err := Dial(t.Context(), cfg, options(cfg))
		if err != nil {
			t.Fatal(err)
		}
		works(t, conn)
		if conn.Remote.IsValid() {
			t.Errorf("the other end of what a proxy made is taken for the server: %v", conn.Remote)
		}
		if left := labtest.Children(t); len(left) != 0 {
			t.Errorf("beside the connection: %q", left)
		}
		conn.Close()
	})
}

func TestProxyHandsOverNothing(t *testing.T) {
	s := newSite(t, lab.SshdConfig{})
	for command, message := range map[string]string{
		"sh -c 'echo no way >&2; exit 3'": "no way",
		"true":                            "handed over no socket",
		"sh -c 'echo x; sleep 0.1'":       "handed over no socket",
		"no-such-program":                 "not found",
	} {
		labtest.LeavesNothing(t, func() {
			_, err := s.dial(s.config("ProxyUseFdpass yes\nProxyCommand " + command))
			failed := (*sshconn.ProxyError)(nil)
			if !errors.As(err, &failed) || !strings.Contains(failed.Message, message) {
				t.Errorf("%s: %#v", command, err)
			}
		})
	}
	labtest.LeavesNothing(t, func() {
		_, err := s.dial(s.config("ConnectTimeout 1\nProxyUseFdpass yes\nProxyCommand sh -c 'while :; do sleep 1; done'"))
		if late := (*sshconn.TimeoutError)(nil); !errors.As(err, &late) || late.Phase != sshconn.PhaseConnect {
			t.Errorf("a proxy that does nothing: %#v", err)
		}
	})
}

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
