package dial

import (
	"context"
	"errors"
	"math"
	"net"
	"net/netip"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/mosha-ssh/mosha/internal/sshconfig"
	"github.com/mosha-ssh/mosha/internal/sshconn"
)

// TCP connects to the address of the destination that answers first. The limit
// begins when there is an address to dial; TCP returns that time, or zero if
// there was no address. As in ssh, the lookup has limits of its own.
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

// headStart is how long an address has to answer before the next is dialed
// beside it (RFC 8305, section 5, Connection Attempt Delay).
const headStart = 250 * time.Millisecond

// race connects to the first of several addresses that answers.
//
//	step: the next address is dialed, or the name looked up, or, after again,
//	      the first address dialed once more
//
//	+--> waiting --no answer for a while--> step --+
//	|       |  \---a dial failed----------> step --+
//	|       |   \--more addresses---------> step --+
//	+-------|--------------------------------------+
//	        +--an address answers--> it wins, the others end
//	        +--all have failed-----> the error that says most
//
// An address that is known beforehand is dialed at once. The lookup begins if it
// does not answer. The clock begins with the first dial.
type race struct {
	dial   func(context.Context, netip.Addr) (net.Conn, error)
	lookup func(context.Context) ([]netip.Addr, error)
	// again is how long a SYN may have no answer before another goes out beside
	// it: a dead network loses SYNs, and the kernel repeats one after 1, 3 and
	// 7 s only. Zero leaves that to the kernel.
	again time.Duration
	limit time.Duration // of the time from the first dial on; 0: none

	began time.Time   // the first dial
	clock *time.Timer // ends the race at its limit

	addrs    []netip.Addr  // all that are known
	next     int           // index of the one to dial next; len(addrs): all are dialed
	pending  int           // dials under way
	results  chan dialed   // of dials
	lookups  chan resolved // of the lookup; nil: not begun
	looked   error         // why the lookup failed
	resolved bool          // the lookup is over
	failed   error         // why a dial failed, the one that says most
}

type dialed struct {
	conn net.Conn
	err  error
}

type resolved struct {
	addrs []netip.Addr
	err   error
}

// run races until the limit or until ctx ends. It leaves no connection open but
// the one that it returns. The error is a dial's, the lookup's, ctx's or a
// deadline's.
func (r *race) run(ctx context.Context) (net.Conn, error) {
	within, cancel := context.WithCancel(ctx)
	defer cancel()
	r.results = make(chan dialed)
	timer := time.NewTimer(0)
	defer timer.Stop()
	r.clock = time.NewTimer(math.MaxInt64)
	defer r.clock.Stop()
	for {
		step := false
		select {
		case <-timer.C:
			step = true
		case got := <-r.lookups:
			r.learn(got)
			step = r.next < len(r.addrs)
		case got := <-r.results:
			if got.err == nil {
				return got.conn, nil
			}
			r.lose(got.err)
			step = r.next < len(r.addrs) || r.lookups == nil
		case <-r.clock.C:
			return nil, r.late(context.DeadlineExceeded)
		case <-ctx.Done():
			return nil, r.late(ctx.Err())
		}
		if step {
			r.step(within)
			timer.Reset(r.pause())
		}
		if r.resolved && r.pending == 0 && r.next == len(r.addrs) {
			return nil, r.lost()
		}
	}
}

// step begins what is to be done next.
func (r *race) step(ctx context.Context) {
	switch {
	case r.next < len(r.addrs):
		r.start(ctx)
	case r.lookups == nil:
		r.lookups = make(chan resolved, 1)
		go func() {
			addrs, err := r.lookup(ctx)
			r.lookups <- resolved{addrs, err}
		}()
	case r.again > 0 && len(r.addrs) > 0:
		r.next = 0
		r.start(ctx)
	}
}

// start dials the next address.
func (r *race) start(ctx context.Context) {
	if r.began.IsZero() {
		r.began = time.Now()
		if r.limit > 0 {
			r.clock.Reset(r.limit)
		}
	}
	addr := r.addrs[r.next]
	r.next++
	r.pending++
	go func() {
		conn, err := r.dial(ctx, addr)
		select {
		case r.results <- dialed{conn, err}:
		case <-ctx.Done(): // another has won
			if err == nil {
				conn.Close()
			}
		}
	}()
}

// pause is the time from this step to the next, if nothing happens.
func (r *race) pause() time.Duration {
	switch {
	case r.next < len(r.addrs), r.lookups == nil:
		return headStart
	case r.again > 0:
		return r.again
	}
	return math.MaxInt64
}

// learn takes what the lookup gave.
func (r *race) learn(got resolved) {
	r.resolved, r.looked = true, got.err
	for _, addr := range got.addrs {
		if !slices.Contains(r.addrs, addr) {
			r.addrs = append(r.addrs, addr)
		}
	}
}

// lose notes a failed dial. That a machine refused says more than that another
// could not be reached.
func (r *race) lose(err error) {
	r.pending--
	if r.failed == nil || cause(r.failed) != sshconn.CauseRefused {
		r.failed = err
	}
}

// lost is the error when nothing is left to try.
func (r *race) lost() error {
	if r.failed == nil {
		return r.looked
	}
	return r.failed
}

// late is the error when the time is over or ctx has ended, as why says. If the
// race waited for the lookup only, the lookup's error says more: it ends with
// ctx.
func (r *race) late(why error) error {
	switch {
	case !errors.Is(why, context.DeadlineExceeded):
	case len(r.addrs) == 0 && r.lookups != nil:
		if got := <-r.lookups; got.err != nil {
			return got.err
		}
	case r.failed != nil && cause(r.failed) == sshconn.CauseRefused:
		return r.failed
	}
	return why
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
