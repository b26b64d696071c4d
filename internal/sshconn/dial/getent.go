package dial

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/mosha-ssh/mosha/internal/child"
	"github.com/mosha-ssh/mosha/internal/text"
)

const (
	// getentGrace is for a child of getent that keeps its output open.
	getentGrace  = 200 * time.Millisecond
	maxGetent    = 16 << 10 // bytes of output
	maxAddresses = 64
	maxName      = 253 // RFC 1035, without the last dot
)

var errNoAddress = errors.New("no address")

// getent resolves a name as ssh does, with getent(1). Go's resolver, without C,
// reads hosts and asks DNS. It knows no other module of nsswitch.conf(5), such as
// those for mDNS, libvirt and systemd.
func getent(ctx context.Context, env child.Env, name string) ([]netip.Addr, error) {
	if !plainName(name) {
		return nil, errNoAddress
	}
	out := text.Head{Left: maxGetent}
	cmd := env.Command(ctx, "getent", "ahosts", name)
	cmd.Stdout = &out
	cmd.WaitDelay = getentGrace
	if err := cmd.Run(); err != nil {
		return nil, err
	}
	addrs := parseAhosts(out.Kept)
	if len(addrs) == 0 || out.Over { // the last address may be cut
		return nil, errNoAddress
	}
	return addrs, nil
}

// plainName reports whether a name may be an argument: a host name that is no
// option. Not all getents know "--".
func plainName(name string) bool {
	return name != "" && len(name) <= maxName && name[0] != '-' && !strings.ContainsFunc(name, func(r rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_", r)
	})
}

// parseAhosts reads lines that begin with an address, each address once. What
// comes after it (type of socket, name) and other lines do not count.
func parseAhosts(out []byte) (addrs []netip.Addr) {
	for line := range strings.Lines(string(out)) {
		word := line
		if end := strings.IndexAny(line, " \t\n"); end >= 0 {
			word = line[:end]
		}
		addr, err := netip.ParseAddr(word)
		if err != nil || slices.Contains(addrs, addr) {
			continue
		}
		addrs = append(addrs, addr)
		if len(addrs) == maxAddresses {
			break
		}
	}
	return addrs
}
