package dial

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/rs/zerolog"

	"github.com/mosha-ssh/mosha/internal/sshconfig"
	"github.com/mosha-ssh/mosha/internal/sshconn"
)

// lookup returns the addresses of the destination, in the order of the dials.
func lookup(ctx context.Context, cfg *sshconfig.Config, opts sshconn.Options) ([]netip.Addr, error) {
	if opts.Limits.Lookup > 0 {
		within, cancel := context.WithTimeout(ctx, opts.Limits.Lookup)
		defer cancel()
		ctx = within
	}
	addrs, err := resolve(ctx, cfg.HostName, &opts)
	if err != nil {
		return nil, err
	}
	addrs = order(order(addrs, cfg.AddressFamily), opts.Family)
	if len(addrs) == 0 {
		return nil, &sshconn.ResolveError{Host: cfg.HostName, Message: "no address of family " + cfg.AddressFamily + " and " + opts.Family}
	}
	return interleave(addrs), nil
}

// interleave has the families take turns, beginning with that of the first
// address (RFC 8305, section 4): a network without one of them then costs one
// head start, however many addresses of it a host has.
func interleave(addrs []netip.Addr) []netip.Addr {
	var same, other []netip.Addr
	for _, addr := range addrs {
		if addr.Is4() == addrs[0].Is4() {
			same = append(same, addr)
		} else {
			other = append(other, addr)
		}
	}
	turns := make([]netip.Addr, 0, len(addrs))
	for i := range max(len(same), len(other)) {
		turns = append(turns, same[min(i, len(same)):min(i+1, len(same))]...)
		turns = append(turns, other[min(i, len(other)):min(i+1, len(other))]...)
	}
	return turns
}

// Lookup returns the address of a host to try first. family is in mosh's words.
// The error is a *sshconn.ResolveError.
func Lookup(ctx context.Context, host, family string) (netip.Addr, error) {
	addrs, err := lookup(ctx, &sshconfig.Config{HostName: host, AddressFamily: "any"}, sshconn.Options{Family: family, Log: zerolog.Nop()})
	if err != nil {
		return netip.Addr{}, err
	}
	return addrs[0], nil
}

// order restricts addresses to a family (inet, inet6) or puts a family first
// (prefer-inet, prefer-inet6). Any other word leaves the system's order.
func order(addrs []netip.Addr, family string) []netip.Addr {
	var four, six []netip.Addr
	for i, a := range addrs {
		addrs[i] = a.Unmap()
		if addrs[i].Is4() {
			four = append(four, addrs[i])
		} else {
			six = append(six, addrs[i])
		}
	}
	switch family {
	case "inet":
		return four
	case "inet6":
		return six
	case "prefer-inet":
		return slices.Concat(four, six)
	case "prefer-inet6":
		return slices.Concat(six, four)
	}
	return addrs
}

// TCP connects to the address of the destination that answers first. The limit
// begins when there is an address to dial; TCP returns that time, or zero if there
// was no address. As in ssh, the lookup has limits of its own.
func TCP(ctx context.Context, cfg *sshconfig.Config, opts sshconn.Options, limit time.Duration) (net.Conn, time.Time, error) {
	r := &race{
		dial: func(ctx context.Context, addr netip.Addr) (net.Conn, error) {
			to := netip.AddrPortFrom(addr, uint16(cfg.Port))
			if opts.Dialing != nil {
				opts.Dialing(to)
			}
			return connectOne(ctx, cfg, opts, to)
		},
		lookup: func(ctx context.Context) ([]netip.Addr, error) { return lookup(ctx, cfg, opts) },
		again:  opts.Limits.Again,
		limit:  limit,
	}
	if opts.Address.IsValid() {
		r.addrs = []netip.Addr{opts.Address}
	}
	conn, err := r.run(ctx)
	if err == nil {
		return newQuick(conn), r.began, nil
	}
	if unresolved := (*sshconn.ResolveError)(nil); errors.As(err, &unresolved) {
		return nil, r.began, err
	}
	return nil, r.began, connectError(cfg, err)
}

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

// cause tells the connect errors apart.
func cause(err error) string {
	var op *net.OpError
	var call *os.SyscallError
	switch {
	case errors.As(err, &op) && op.Op == "bind", errors.As(err, &call) && call.Syscall == "bind":
		return sshconn.CauseBind
	case errors.Is(err, syscall.ECONNREFUSED):
		return sshconn.CauseRefused
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETDOWN), errors.Is(err, syscall.EHOSTDOWN):
		return sshconn.CauseUnreachable
	}
	return sshconn.CauseOther
}

// connectError makes a connect error plain data. A timeout stays what it is: the
// caller knows whose limit it was.
func connectError(cfg *sshconfig.Config, err error) error {
	if timeout := net.Error(nil); errors.As(err, &timeout) && timeout.Timeout() {
		return err
	}
	failed := &sshconn.ConnectError{Host: cfg.HostName, Port: cfg.Port, Cause: cause(err), Message: err.Error()}
	if op := (*net.OpError)(nil); errors.As(err, &op) {
		failed.Message = op.Err.Error()
		if op.Addr != nil {
			failed.Address = op.Addr.String()
		}
	}
	if errno := syscall.Errno(0); errors.As(err, &errno) {
		failed.Message = errno.Error()
	}
	return failed
}
