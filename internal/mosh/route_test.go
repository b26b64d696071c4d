package mosh

import (
	"errors"
	"net"
	"net/netip"
	"testing"
)

func TestIsFar(t *testing.T) {
	for _, test := range []struct {
		server, ours string
		want         bool
	}{
		{"10.1.2.3", "192.168.1.5", true}, {"10.1.2.3", "10.200.0.1", false}, {"192.168.1.1", "203.0.113.5", true},
		{"172.16.0.1", "172.31.0.1", false}, {"172.32.0.1", "192.168.1.5", false}, {"100.64.0.1", "192.168.1.5", true},
		{"169.254.1.1", "10.0.0.1", true}, {"203.0.113.9", "192.168.1.5", false},
		{"fd12::1", "2001:db8::1", true}, {"fd12::1", "fd34::1", false}, {"2001:db8::2", "fd34::1", false},
	} {
		if got := isFar(netip.MustParseAddr(test.server), netip.MustParseAddr(test.ours)); got != test.want {
			t.Errorf("%s from %s: %v", test.server, test.ours, got)
		}
	}
}

func TestCheckPathNeedsNoNetwork(t *testing.T) {
	none := netip.AddrPort{}
	for address, reason := range map[string]string{
		"0.0.0.0": pathUnusable, "::": pathUnusable, "224.0.0.1": pathUnusable, "ff02::1": pathUnusable, "fe80::1": pathUnusable,
		"127.0.0.1": pathLoopback, "127.1.2.3": pathLoopback, "::1": pathLoopback,
	} {
		err := CheckPath(netip.MustParseAddr(address), none)
		if err == nil || err.Reason != reason || err.Address != address {
			t.Errorf("%s: %v", address, err)
		}
	}
}

// TestCheckPathToThisMachine: a connection whose other end a socket of this
// machine has leads to this machine.
func TestCheckPathToThisMachine(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "[::1]:0"} {
		listener, err := net.Listen("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer listener.Close()
		conn, err := net.Dial("tcp", listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		client := netip.MustParseAddrPort(conn.LocalAddr().String())
		if err := CheckPath(client.Addr(), client); err != nil {
			t.Errorf("%s: %v", client, err)
		}
		if err := errors.Join(conn.(*net.TCPConn).SetLinger(0), conn.Close()); err != nil {
			t.Fatal(err)
		}
		if CheckPath(client.Addr(), client) == nil {
			t.Errorf("%s: nobody has it any more", client)
		}
	}
}
