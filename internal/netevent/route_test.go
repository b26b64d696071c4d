package netevent

import (
	"encoding/binary"
	"testing"
)

// The values of macOS, and the layout of OpenBSD, as they are in
// golang.org/x/sys/unix.
var (
	macOS = routing{
		version: 5,
		causes:  map[byte]cause{0x1: route, 0x2: route, 0x3: route, 0xc: address, 0xd: address, 0xe: link},
		flags:   8, cached: 0x400 | 0x20000,
	}
	openBSD = routing{version: 5, causes: macOS.causes, flags: 16, cached: 0x400 | 0x10000 | 0x20000}
)

// routeMessage makes a message with flags at an offset.
func routeMessage(version, kind byte, at int, flags uint32) []byte {
	b := make([]byte, 92)
	binary.NativeEndian.PutUint16(b, uint16(len(b)))
	b[2], b[3] = version, kind
	binary.NativeEndian.PutUint32(b[at:], flags)
	return b
}

func TestRoutingMessages(t *testing.T) {
	const up, gateway, static, llinfo = 0x1, 0x2, 0x800, 0x400
	for _, test := range []struct {
		name    string
		system  routing
		message []byte
		want    cause
	}{
		{"default route added", macOS, routeMessage(5, 0x1, 8, up|gateway|static), route},
		{"default route deleted", macOS, routeMessage(5, 0x2, 8, gateway|static), route},
		{"route changed", openBSD, routeMessage(5, 0x3, 16, up|gateway), route},
		{"neighbour added", macOS, routeMessage(5, 0x1, 8, up|llinfo), ""},
		{"neighbour deleted", openBSD, routeMessage(5, 0x2, 16, llinfo), ""},
		{"host route cloned by a connect", macOS, routeMessage(5, 0x1, 8, up|gateway|0x20000), ""},
		{"the same flag elsewhere in the message", openBSD, routeMessage(5, 0x1, 8, up|0x20000), route},
		{"no route to a host", macOS, routeMessage(5, 0x7, 8, 0), ""},
		{"multicast group joined", macOS, routeMessage(5, 0xf, 8, 0), ""},
		{"type of a later release", macOS, routeMessage(5, 0xee, 8, 0), ""},
		{"address added", macOS, routeMessage(5, 0xc, 8, 0), address},
		{"address deleted, its flags like a clone's", macOS, routeMessage(5, 0xd, 8, 0x20000), address},
		{"link changed", macOS, routeMessage(5, 0xe, 8, 0), link},
		{"another version", macOS, routeMessage(4, 0xe, 8, 0), ""},
		{"empty", macOS, nil, ""},
		{"cut off in the header", macOS, routeMessage(5, 0xe, 8, 0)[:3], ""},
		{"cut off before the flags' end", macOS, routeMessage(5, 0x1, 8, up)[:11], ""},
		{"no length", macOS, []byte{0, 0, 5, 0xe, 0, 0, 0, 0}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := test.system.cause(test.message); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func FuzzRoutingMessage(f *testing.F) {
	f.Add(routeMessage(5, 0x1, 8, 3))
	f.Add(routeMessage(5, 0xe, 16, 0))
	f.Add([]byte{4, 0, 5, 1})
	f.Fuzz(func(t *testing.T, message []byte) {
		for _, system := range []routing{macOS, openBSD} {
			if c := system.cause(message); c != "" && message[2] != 5 {
				t.Errorf("%q of a message of version %d", c, message[2])
			}
		}
	})
}
