package mosh

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"

	"golang.org/x/sys/unix"
)

// PathError says that mosh's UDP cannot get to the address that the server
// behind a proxy calls its own, or that nobody knows one.
type PathError struct {
	Address string // "": the server did not report it
	Reason  string // pathLoopback, pathUnusable, pathFar or what the system said
}

// Reasons of PathError.
const (
	pathLoopback = "it is the server's own loopback"
	pathUnusable = "it is no machine's address"
	pathFar      = "it is private, and of another private network than this machine"
)

func (e *PathError) Error() string {
	switch {
	case e.Address == "":
		return "the server behind the proxy did not report its address"
	case e.Doubtful():
		return fmt.Sprintf("mosh's UDP goes past the proxy to %s, a private address that may be out of reach", e.Address)
	}
	return fmt.Sprintf("mosh's UDP has no way to %s, the server's address behind the proxy: %s", e.Address, e.Reason)
}

// Doubtful reports whether mosh's UDP may get there all the same.
func (e *PathError) Doubtful() bool { return e.Reason == pathFar }

// CheckPath checks whether mosh's UDP can get to the address under which a
// server behind a proxy knows itself, as far as that can be told without
// sending anything. client is the other end of the SSH connection as that server
// sees it.
func CheckPath(server netip.Addr, client netip.AddrPort) *PathError {
	switch {
	case server.IsUnspecified(), server.IsMulticast(), server.Is6() && server.IsLinkLocalUnicast():
		return &PathError{server.String(), pathUnusable}
	case server.IsLoopback() && !isOurs(client):
		return &PathError{server.String(), pathLoopback}
	}
	conn, err := net.Dial("udp", netip.AddrPortFrom(server, 60001).String()) // sends nothing
	if err != nil {
		return &PathError{server.String(), rootCause(err).Error()}
	}
	defer conn.Close()
	local, ok := conn.LocalAddr().(*net.UDPAddr)
	if ok && isFar(server, local.AddrPort().Addr().Unmap()) {
		return &PathError{server.String(), pathFar}
	}
	return nil
}

// isOurs reports whether a socket of this machine has the address, so that a
// server that sees it at the other end of a connection is this machine too.
func isOurs(addr netip.AddrPort) bool {
	if !addr.IsValid() {
		return false
	}
	config := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		// As Go sets it, one can listen at an address in use all the same.
		return c.Control(func(fd uintptr) { _ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 0) })
	}}
	listener, err := config.Listen(context.Background(), "tcp", addr.String())
	if err == nil {
		_ = listener.Close()
		return false
	}
	return errors.Is(err, syscall.EADDRINUSE)
}

// privateNets are the networks whose addresses mean another machine in each
// place: RFC 1918, RFC 6598 (carriers, and overlay networks), RFC 3927, RFC
// 4193.
var privateNets = []netip.Prefix{
	netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("172.16.0.0/12"), netip.MustParsePrefix("192.168.0.0/16"),
	netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("169.254.0.0/16"), netip.MustParsePrefix("fc00::/7"),
}

// isFar reports whether an address is private although ours, from which packets
// would go there, is not of the same network.
func isFar(server, ours netip.Addr) bool {
	for _, private := range privateNets {
		if private.Contains(server) {
			return !private.Contains(ours)
		}
	}
	return false
}
