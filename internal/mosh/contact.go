package mosh

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"time"
)

// ContactError says that mosha did not hear a mosh-server.
type ContactError struct {
	Server netip.AddrPort
	Err    error // what the system said of the last one, or nil: silence
}

func (e *ContactError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("no contact with UDP port %d: %v", e.Server.Port(), e.Err)
	}
	return fmt.Sprintf("no answer from UDP port %d", e.Server.Port())
}

func (e *ContactError) Unwrap() error { return e.Err }

// Refused reports whether something on the way answered in the server's place:
// a firewall that rejects, or a host on which nothing listens.
func (e *ContactError) Refused() bool { return errors.Is(e.Err, syscall.ECONNREFUSED) }

const (
	// contactInterval is how often mosh-client sends while it hears nothing.
	contactInterval = 250 * time.Millisecond
	// maxRefusals is how many errors of the network end the attempt.
	maxRefusals = 4
)

// Contact sends a server what mosh-client sends first, again and again until it
// answers or ctx ends. The server begins its session with that. Contact returns
// the round trip time in milliseconds, as mosh's clocks show it, without the
// server's wait before its answer; where the answer does not show that, it
// returns the time since the first datagram. The error is a *ContactError, or
// why there is no socket.
func (s Session) Contact(ctx context.Context, server netip.Addr) (time.Duration, error) {
	box, err := newBox(s.key)
	if err != nil {
		return 0, err
	}
	to := netip.AddrPortFrom(server, uint16(s.Port))
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(to))
	if err != nil {
		return 0, &ContactError{Server: to, Err: rootCause(err)}
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	failed := &ContactError{Server: to}
	first := time.Now()
	clock := func() uint16 { return uint16(time.Since(first).Milliseconds()) }
	for refusals, sequence := 0, uint64(0); ctx.Err() == nil && refusals < maxRefusals; sequence++ {
		began := time.Now()
		datagram, err := seal(box, sequence, clock(), firstInstruction)
		if err != nil {
			return 0, err
		}
		heard := uint16(notHeard)
		_, err = conn.Write(datagram)
		if err == nil {
			err = listen(conn, began.Add(contactInterval), func(p []byte) (err error) {
				heard, err = open(box, p)
				return err
			})
		} else {
			pause(ctx, contactInterval)
		}
		switch {
		case err == nil && heard == notHeard:
			return time.Since(first), nil
		case err == nil: // it says what it heard, and how long ago
			return max(time.Duration(clock()-heard), 1) * time.Millisecond, nil
		case ctx.Err() == nil && !errors.Is(err, errQuiet):
			failed.Err = rootCause(err)
			refusals++
		}
	}
	return 0, failed
}

// errQuiet says that nothing came until the next datagram was due.
var errQuiet = errors.New("nothing came")

// listen waits until then for a datagram of the server.
func listen(conn *net.UDPConn, then time.Time, check func([]byte) error) error {
	_ = conn.SetReadDeadline(then)
	buf := make([]byte, mtu)
	for {
		n, err := conn.Read(buf)
		var late net.Error
		switch {
		case errors.As(err, &late) && late.Timeout():
			return errQuiet
		case err != nil:
			return err
		case check(buf[:n]) == nil:
			return nil
		}
	}
}

// pause waits for d or for ctx's end.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// rootCause leaves out the addresses that the net package puts before what
// the system said.
func rootCause(err error) error {
	if errno := syscall.Errno(0); errors.As(err, &errno) {
		return errno
	}
	return err
}
