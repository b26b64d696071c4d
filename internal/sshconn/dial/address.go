package dial

import (
	"context"
	"net/netip"
	"slices"

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

// interleave lets the families take turns, beginning with that of the first
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
