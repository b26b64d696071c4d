package dial

import (
	"context"
	"net"
	"net/netip"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/mosha-ssh/mosha/internal/sshconfig"
	"github.com/mosha-ssh/mosha/internal/sshconn"
)

func connectOne(ctx context.Context, cfg *sshconfig.Config, opts sshconn.Options, addr netip.AddrPort) (net.Conn, error) {
	if opts.Dial != nil {
		return opts.Dial(ctx, "tcp", addr.String())
	}
	d, err := tcpDialer(ctx, cfg, addr, &opts)
	if err != nil {
		return nil, err
	}
	return d.DialContext(ctx, "tcp", addr.String())
}

// tcpDialer is a dialer for one address, with the local end that the
// configuration wants. The error is a *net.OpError: this machine has no such
// end.
func tcpDialer(ctx context.Context, cfg *sshconfig.Config, remote netip.AddrPort, opts *sshconn.Options) (*net.Dialer, error) {
	d := &net.Dialer{}
	if !cfg.TCPKeepAlive {
		d.KeepAlive = -1
	}
	if cfg.QoS != nil {
		d.Control = markPackets(*cfg.QoS, remote.Addr())
	}
	local, err := localAddress(ctx, cfg, remote.Addr(), opts)
	if err != nil {
		return nil, &net.OpError{Op: "bind", Net: "tcp", Addr: net.TCPAddrFromAddrPort(remote), Err: err}
	}
	if local.IsValid() {
		d.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(local, 0))
	}
	return d, nil
}

// markPackets sets the byte of the IP header that IPQoS is about. A system that
// refuses sends its own.
func markPackets(qos int, remote netip.Addr) func(network, address string, c syscall.RawConn) error {
	level, option := unix.IPPROTO_IP, unix.IP_TOS
	if !remote.Is4() {
		level, option = unix.IPPROTO_IPV6, unix.IPV6_TCLASS
	}
	return func(_, _ string, c syscall.RawConn) error {
		return c.Control(func(fd uintptr) { _ = unix.SetsockoptInt(int(fd), level, option, qos) })
	}
}

// localAddress returns the address that BindAddress or else BindInterface wants a
// connection to remote to come from. It is not valid if any will do
// (sshconnect.c, ssh_create_socket).
func localAddress(ctx context.Context, cfg *sshconfig.Config, remote netip.Addr, opts *sshconn.Options) (netip.Addr, error) {
	var addrs []netip.Addr
	var err error
	switch {
	case cfg.BindAddress != "":
		addrs, err = resolve(ctx, cfg.BindAddress, opts)
	case cfg.BindInterface != "":
		addrs, err = interfaceAddrs(cfg.BindInterface)
	default:
		return netip.Addr{}, nil
	}
	if err != nil {
		return netip.Addr{}, err
	}
	for _, addr := range addrs {
		if addr = addr.Unmap(); addr.Is4() == remote.Is4() {
			return addr, nil
		}
	}
	return netip.Addr{}, syscall.EADDRNOTAVAIL
}

// interfaceAddrs returns the addresses of an interface that can reach other
// networks: not the link-local ones of IPv6 (sshconnect.c, check_ifaddrs).
func interfaceAddrs(name string) ([]netip.Addr, error) {
	link, err := net.InterfaceByName(name)
	if err != nil {
		return nil, err
	}
	prefixes, err := link.Addrs()
	if err != nil {
		return nil, err
	}
	var addrs []netip.Addr
	for _, prefix := range prefixes {
		p, err := netip.ParsePrefix(prefix.String())
		if err != nil {
			continue
		}
		if addr := p.Addr().Unmap(); addr.Is4() || !addr.IsLinkLocalUnicast() && !addr.IsLoopback() {
			addrs = append(addrs, addr)
		}
	}
	return addrs, nil
}
