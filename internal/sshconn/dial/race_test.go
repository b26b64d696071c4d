package dial

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mosha-ssh/mosha/internal/sshconn"
)

var (
	first, second = netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("192.0.2.1")
	errUnreached  = &net.OpError{Op: "dial", Err: syscall.ENETUNREACH}
	errRefused    = &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
)

// network is one in which a dial of an address takes some time or, if it
// begins before the address is there, never ends.
type network struct {
	began  time.Time
	hosts  map[netip.Addr]host
	looks  time.Duration // how long a lookup takes; negative: for ever
	names  []netip.Addr
	asked  atomic.Int32 // lookups
	dialed atomic.Int32
	open   atomic.Int32 // connections
}

type host struct {
	up      time.Duration // since when
	answers time.Duration // how long it takes
	err     error
}

// wire is a connection that knows whose it is.
type wire struct {
	net.Conn
	addr netip.Addr
	net  *network
}

func (w *wire) Close() error {
	w.net.open.Add(-1)
	return nil
}

func (n *network) dial(ctx context.Context, addr netip.Addr) (net.Conn, error) {
	n.dialed.Add(1)
	h, known := n.hosts[addr]
	if !known || time.Since(n.began) < h.up {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	time.Sleep(h.answers) // whatever ctx says: the worst case
	if h.err != nil {
		return nil, h.err
	}
	n.open.Add(1)
	return &wire{addr: addr, net: n}, nil
}

func (n *network) lookup(ctx context.Context) ([]netip.Addr, error) {
	n.asked.Add(1)
	if n.looks >= 0 {
		time.Sleep(n.looks)
		if n.names != nil {
			return n.names, nil
		}
		return nil, &sshconn.ResolveError{Host: "h"}
	}
	<-ctx.Done()
	return nil, &sshconn.ResolveError{Host: "h"}
}

const ms = time.Millisecond

// TestRace is a table of networks, and of what is reached when.
func TestRace(t *testing.T) {
	const again = 300 * ms
	both := []netip.Addr{first, second}
	for name, c := range map[string]*struct {
		network
		known  netip.Addr
		again  time.Duration
		want   netip.Addr
		err    error
		after  time.Duration
		asked  int32
		dialed int32
	}{
		"first answers": {network: network{names: both, looks: 20 * ms, hosts: map[netip.Addr]host{first: {answers: 40 * ms}}},
			want: first, after: 60 * ms, asked: 1, dialed: 1},
		"first is dead": {network: network{names: both, hosts: map[netip.Addr]host{second: {answers: 40 * ms}}},
			want: second, after: headStart + 40*ms, asked: 1, dialed: 2},
		"first is slow and wins": {network: network{names: both, hosts: map[netip.Addr]host{first: {answers: 260 * ms}, second: {answers: 40 * ms}}},
			want: first, after: 260 * ms, asked: 1, dialed: 2},
		"first cannot be reached": {network: network{names: both, hosts: map[netip.Addr]host{first: {err: errUnreached}, second: {answers: 40 * ms}}},
			want: second, after: 40 * ms, asked: 1, dialed: 2},
		"none can be reached, one refuses": {network: network{names: both, hosts: map[netip.Addr]host{first: {err: errRefused}, second: {err: errUnreached}}},
			again: again, err: errRefused, asked: 1, dialed: 2},
		"one refuses, the other is dead": {network: network{names: both, hosts: map[netip.Addr]host{first: {err: errRefused}}},
			err: errRefused, after: 3 * time.Second, asked: 1, dialed: 2},
		"dead":           {network: network{names: both}, err: context.DeadlineExceeded, after: 3 * time.Second, asked: 1, dialed: 2},
		"dead, known":    {network: network{looks: -1}, known: first, err: context.DeadlineExceeded, after: 3 * time.Second, asked: 1, dialed: 1},
		"no such name":   {network: network{looks: 20 * ms}, err: &sshconn.ResolveError{}, after: 20 * ms, asked: 1},
		"no name server": {network: network{looks: -1}, err: &sshconn.ResolveError{}, after: 3 * time.Second, asked: 1},
		"known answers": {network: network{hosts: map[netip.Addr]host{first: {answers: 200 * ms}}}, known: first,
			want: first, after: 200 * ms, dialed: 1},
		"known has moved": {network: network{names: []netip.Addr{second}, looks: 20 * ms, hosts: map[netip.Addr]host{second: {answers: 40 * ms}}}, known: first, again: again,
			want: second, after: headStart + 60*ms, asked: 1, dialed: 2},
		"known refuses, and so does its name": {network: network{names: []netip.Addr{first}, hosts: map[netip.Addr]host{first: {err: errRefused}}}, known: first, again: again,
			err: errRefused, asked: 1, dialed: 1},
		"known refuses, no such name": {network: network{hosts: map[netip.Addr]host{first: {err: errRefused}}}, known: first, again: again,
			err: errRefused, asked: 1, dialed: 1},
		"network returns": {network: network{looks: -1, hosts: map[netip.Addr]host{first: {up: 2 * time.Second, answers: 40 * ms}}}, known: first, again: again,
			want: first, after: headStart + 6*again + 40*ms, asked: 1, dialed: 7},
		"network returns, nobody insists": {network: network{looks: -1, hosts: map[netip.Addr]host{first: {up: 2 * time.Second}}}, known: first,
			err: context.DeadlineExceeded, after: 3 * time.Second, asked: 1, dialed: 1},
		"network is very slow": {network: network{names: both, hosts: map[netip.Addr]host{first: {answers: 2 * time.Second}}}, again: again,
			want: first, after: 2 * time.Second, asked: 1, dialed: 8},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := &c.network
				n.began = time.Now()
				r := &race{dial: n.dial, lookup: n.lookup, again: c.again}
				if c.known.IsValid() {
					r.addrs = []netip.Addr{c.known}
				}
				ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
				defer cancel()
				conn, err := r.run(ctx)
				if after := time.Since(n.began); after != c.after {
					t.Errorf("after %v, want %v", after, c.after)
				}
				var wanted *sshconn.ResolveError
				switch {
				case c.want.IsValid():
					if w, ok := conn.(*wire); !ok || w.addr != c.want {
						t.Fatalf("reached %+v (%v), want %v", conn, err, c.want)
					}
					time.Sleep(time.Minute)
					if open := n.open.Load(); open != 1 {
						t.Errorf("%d connections are open", open)
					}
				case errors.As(c.err, &wanted):
					if !errors.As(err, &wanted) {
						t.Errorf("error %v, want the lookup's", err)
					}
				case !errors.Is(err, c.err):
					t.Errorf("error %v, want %v", err, c.err)
				}
				if asked, dialed := n.asked.Load(), n.dialed.Load(); asked != c.asked || dialed != c.dialed {
					t.Errorf("%d lookups, %d dials; want %d, %d", asked, dialed, c.asked, c.dialed)
				}
			})
		})
	}
}

// TestRaceLimit: the clock begins with the first dial, however long the lookup
// took.
func TestRaceLimit(t *testing.T) {
	const limit, looks = 2 * time.Second, 5 * time.Second
	for name, c := range map[string]*struct {
		network
		known netip.Addr
		err   error
		after time.Duration
	}{
		"slow lookup":        {network: network{names: []netip.Addr{first}, looks: looks, hosts: map[netip.Addr]host{first: {answers: 40 * ms}}}, after: looks + 40*ms},
		"slow lookup, dead":  {network: network{names: []netip.Addr{first, second}, looks: looks}, err: context.DeadlineExceeded, after: looks + limit},
		"slow lookup, known": {network: network{names: []netip.Addr{second}, looks: looks}, known: first, err: context.DeadlineExceeded, after: limit},
		"one refuses":        {network: network{names: []netip.Addr{first, second}, hosts: map[netip.Addr]host{first: {err: errRefused}}}, err: errRefused, after: limit},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c.began = time.Now()
				r := &race{dial: c.dial, lookup: c.lookup, limit: limit}
				if c.known.IsValid() {
					r.addrs = []netip.Addr{c.known}
				}
				conn, err := r.run(t.Context())
				if after := time.Since(c.began); after != c.after || !errors.Is(err, c.err) || (conn != nil) != (err == nil) {
					t.Errorf("%v, %v after %v, want %v", conn, err, after, c.after)
				}
				if dialed := c.began.Add(c.after); err == nil && r.began.After(dialed) || r.began.IsZero() {
					t.Errorf("the first dial was at %v", r.began)
				}
				time.Sleep(time.Minute) // for a lookup that goes on
			})
		})
	}
}

// TestRaceAborted: whatever is under way ends with the context, at once.
func TestRaceAborted(t *testing.T) {
	for name, n := range map[string]*network{
		"lookup": {looks: -1},
		"dials":  {names: []netip.Addr{first, second}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				time.AfterFunc(time.Second, cancel)
				began := time.Now()
				conn, err := (&race{dial: n.dial, lookup: n.lookup}).run(ctx)
				if conn != nil || !errors.Is(err, context.Canceled) || time.Since(began) != time.Second {
					t.Errorf("%v, %v after %v", conn, err, time.Since(began))
				}
			})
		})
	}
}
