//go:build linux

package transport

import (
	"net/netip"
	"testing"

	"github.com/mosha-ssh/mosha/internal/lab"
)

func TestDial(t *testing.T) {
	s := newSite(t, lab.SshdConfig{})
	conn, err := s.dial(s.config())
	if err != nil {
		t.Fatal(err)
	}
	works(t, conn)
	if want := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(s.sshd.Port)); conn.Facts().Remote != want {
		t.Errorf("remote address %v, want %v", conn.Facts().Remote, want)
	}
	if len(conn.Facts().Notes) != 0 {
		t.Errorf("notes %+v", conn.Facts().Notes)
	}
	if n := s.sshd.Connections(); n != 1 {
		t.Errorf("%d TCP connections", n)
	}
}
