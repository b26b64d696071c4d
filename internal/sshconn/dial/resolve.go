package dial

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/mosha-ssh/mosha/internal/sshconn"
)

const (
	// lookupTimeout bounds a lookup. The resolvers give up earlier, as
	// resolv.conf(5) says: two rounds of 5 s for each of up to three servers.
	lookupTimeout = time.Minute
	// systemHeadStart is how long Go's resolver has before the system's begins.
	systemHeadStart = 500 * time.Millisecond
	// systemPatience is how long the system's resolver may take once Go's has
	// failed.
	systemPatience = 5 * time.Second
)

// resolve asks Go's resolver. If that fails or does not answer, it asks the
// system's as well, which may know names that are not in DNS. The first answer
// wins.
//
//	Go's ----------answer------------------------> it
//	  \--failed, or late--> the system's --answer--> it
//	                              \--failed, as Go's--> Go's error
//
// An address is its own name, and keeps its zone (RFC 4007, section 11), which
// Go's resolver would drop. The error is a *ResolveError.
func resolve(ctx context.Context, host string, opts *sshconn.Options) ([]netip.Addr, error) {
	if addr, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{addr}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	dns := ask(func() ([]netip.Addr, error) { return net.DefaultResolver.LookupNetIP(ctx, "ip", host) })
	var system <-chan resolved
	begin := time.NewTimer(headStartOf(host))
	defer begin.Stop()
	var failed *sshconn.ResolveError // by Go's resolver
	for over := false; ; {
		select {
		case got := <-dns:
			if got.err == nil {
				return got.addrs, nil
			}
			opts.Log.Debug().Err(got.err).Str("host", host).Msg("asked the name servers")
			failed = resolveError(host, got.err)
			defer time.AfterFunc(systemPatience, cancel).Stop()
			if system == nil && !over {
				begin.Reset(0)
			}
		case <-begin.C:
			system = ask(func() ([]netip.Addr, error) { return getent(ctx, opts.Env, host) })
		case got := <-system:
			opts.Log.Debug().Err(got.err).Str("host", host).Int("addresses", len(got.addrs)).Msg("asked the system's resolver")
			if got.err == nil {
				return got.addrs, nil
			}
			over, system = true, nil
		}
		if failed != nil && over {
			return nil, failed
		}
	}
}

// ask runs f and sends what it returns, to a channel that nobody has to read.
func ask(f func() ([]netip.Addr, error)) <-chan resolved {
	answer := make(chan resolved, 1)
	go func() {
		addrs, err := f()
		answer <- resolved{addrs, err}
	}()
	return answer
}

// headStartOf is the time before the system's resolver is asked for a name.
// Names in local are not in DNS, but in mDNS (RFC 6762, section 3).
func headStartOf(host string) time.Duration {
	if strings.HasSuffix(strings.ToLower(strings.TrimSuffix(host, ".")), ".local") {
		return 0
	}
	return systemHeadStart
}

// resolveError words the error of Go's resolver, whose own words name addresses
// and system calls.
func resolveError(host string, err error) *sshconn.ResolveError {
	failed := &sshconn.ResolveError{Host: host, Message: "no name server has an answer"}
	var dns *net.DNSError
	switch {
	case !errors.As(err, &dns):
	case dns.IsNotFound:
		failed.Message = "no such host"
	case dns.IsTimeout:
		failed.Message = "no name server answers"
	}
	return failed
}
