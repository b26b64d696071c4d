//go:build linux

package dial

import (
	"net"
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/mosha-ssh/mosha/internal/sshconfig"
	"github.com/mosha-ssh/mosha/internal/sshconn"
)

// TestPacketsAreMarked as IPQoS says.
func TestPacketsAreMarked(t *testing.T) {
	qos := 0x48
	for address, option := range map[string][2]int{
		"127.0.0.1:0": {unix.IPPROTO_IP, unix.IP_TOS},
		"[::1]:0":     {unix.IPPROTO_IPV6, unix.IPV6_TCLASS},
	} {
		listener, err := net.Listen("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer listener.Close()
		remote := netip.MustParseAddrPort(listener.Addr().String())
		for _, want := range []*int{nil, &qos} {
			d, err := tcpDialer(t.Context(), &sshconfig.Config{QoS: want}, remote, &sshconn.Options{})
			if err != nil {
				t.Fatal(err)
			}
			conn, err := d.DialContext(t.Context(), "tcp", remote.String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if got := socketOption(t, conn, option); got != 0 && want == nil || want != nil && got != *want {
				t.Errorf("%s: %#x", address, got)
			}
		}
	}
}

func socketOption(t *testing.T, conn net.Conn, option [2]int) (value int) {
	t.Helper()
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	err = raw.Control(func(fd uintptr) { value, err = unix.GetsockoptInt(int(fd), option[0], option[1]) })
	if err != nil {
		t.Fatal(err)
	}
	return value
}
