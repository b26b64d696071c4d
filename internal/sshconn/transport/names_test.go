//go:build linux

package transport

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/mosha-ssh/mosha/internal/lab"
	"github.com/mosha-ssh/mosha/internal/lab/labtest"
	"github.com/mosha-ssh/mosha/internal/sshconn"
	"github.com/mosha-ssh/mosha/internal/sshconn/native"
)

func TestAddress(t *testing.T) {
	s := newSite(t, lab.SshdConfig{})
	asked := labtest.StuckNames(t)
	cfg := s.config("HostKeyAlias " + s.knownName())
	cfg.HostName = "far.example"
	opts := options(cfg)
	opts.Address = netip.MustParseAddr("127.0.0.1")
	ctx, cancel := context.WithTimeout(t.Context(), giveUp)
	defer cancel()
	conn, err := native.Dial(ctx, cfg, opts)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	works(t, conn)
	if conn.Facts().Remote.Addr() != opts.Address || asked.Load() != 0 {
		t.Errorf("reached %v, %d questions to the name server", conn.Facts().Remote, asked.Load())
	}
}

// TestAddressProxied has an address for which there is no use.
func TestAddressProxied(t *testing.T) {
	s := newSite(t, lab.SshdConfig{})
	cfg := s.config("ProxyCommand " + s.tunnel())
	opts := options(cfg)
	opts.Address = netip.MustParseAddr("192.0.2.1")
	conn, err := native.Dial(t.Context(), cfg, opts)
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
}

// TestLookupLimit has a lookup that takes all the time there is to connect.
func TestLookupLimit(t *testing.T) {
	asked := labtest.StuckNames(t)
	cfg := configTo(t, &net.TCPAddr{Port: 22}, "ConnectTimeout 120")
	cfg.HostName = "far.example"
	opts := options(cfg)
	opts.Limits.Lookup = 300 * time.Millisecond
	ctx, cancel := context.WithTimeout(t.Context(), giveUp)
	defer cancel()
	conn, err := native.Dial(ctx, cfg, opts)
	if failed := (*sshconn.ResolveError)(nil); !errors.As(err, &failed) || failed.Message == "no such host" || asked.Load() == 0 {
		t.Errorf("%v, %#v, %d questions", conn, err, asked.Load())
	}
}

// TestSystemResolver reaches a host whose name only the system's resolver
// takes: an address as inet_aton(3) reads it.
func TestSystemResolver(t *testing.T) {
	s := newSite(t, lab.SshdConfig{})
	labtest.NoNames(t)
	cfg := s.config("HostKeyAlias " + s.knownName())
	cfg.HostName = "127.1"
	conn, err := s.dial(cfg)
	if err != nil {
		t.Fatal(err)
	}
	works(t, conn)
}

// TestSlowLookup takes longer than ConnectTimeout, which is not about it.
func TestSlowLookup(t *testing.T) {
	s := newSite(t, lab.SshdConfig{})
	labtest.StuckNames(t)
	labtest.Getent(t, "sleep 3; echo 127.0.0.1")
	cfg := s.config("HostKeyAlias "+s.knownName(), "ConnectTimeout 2")
	cfg.HostName = "far.example"
	conn, err := s.dial(cfg)
	if err != nil {
		t.Fatal(err)
	}
	works(t, conn)
	conn.Close()
}
