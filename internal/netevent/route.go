package netevent

import "encoding/binary"

// routing judges the messages of the routing socket, route(4), by what macOS,
// FreeBSD and OpenBSD have in common in the first bytes of each:
//
//	0       2         3      4
//	| length | version | type | ...  flags (of route messages), at an offset of the system's
type routing struct {
	version byte
	// causes has the types that matter; there are others, and more with every
	// release. RTM_MISS above all must not be among them: it is sent for every
	// packet that has no route, such as those of an attempt to connect.
	causes map[byte]cause
	// flags is the offset of the flags in route messages, in bytes.
	flags int
	// cached has the flags of routes that are a cache of others, or of
	// neighbours. Our own connecting makes these.
	cached uint32
}

// lost does nothing, because nothing is remembered.
func (*routing) lost() {}

// cause looks at the datagram's message. A datagram has one, except where the
// kernel answers a sysctl(3).
func (r *routing) cause(datagram []byte) cause {
	if len(datagram) < 4 || int(binary.NativeEndian.Uint16(datagram)) < 4 || datagram[2] != r.version {
		return ""
	}
	c := r.causes[datagram[3]]
	if c != route {
		return c
	}
	if len(datagram) < r.flags+4 || binary.NativeEndian.Uint32(datagram[r.flags:])&r.cached != 0 {
		return ""
	}
	return route
}
