package netevent

import (
	"encoding/binary"
	"encoding/hex"
	"testing"

	"golang.org/x/sys/unix"
)

// Messages as Linux 6.18 sent them. Those of links are cut after the name.
const (
	// d0 is made, taken up, and gets a carrier, of which ifi_change (the last
	// of the four numbers before the name) says nothing. Then its MTU changes,
	// it loses the carrier, is taken down, and deleted.
	linkMade      = "d4050000100000000000000000000000000001000300000002100000ffffffff0700030064300000"
	linkUp        = "d4050000100000000000000000000000000001000300000003100100010000000700030064300000"
	linkCarrier   = "d4050000100000000000000000000000000001000300000043100100000000000700030064300000"
	linkNoCarrier = "d4050000100000000000000000000000000001000300000003100000000000000700030064300000"
	linkDown      = "d4050000100000000000000000000000000001000300000002100000410000000700030064300000"
	linkDeleted   = "a8020000110000000000000000000000000001000300000002100000ffffffff0700030064300000"

	// 10.1.0.1/24 is added to d0, its lifetime is set anew, and it is deleted.
	addrAdded   = "4c0000001400000046e8026b975e00000218000003000000080001000a010001080002000a010001070003006430000008000800000000001400060064000000640000005f0507005f050700"
	addrAgain   = "4c0000001400000046e8026b9a5e00000218000003000000080001000a010001080002000a01000107000300643000000800080000000000140006005a0000005a0000005f05070069050700"
	addrDeleted = "4c0000001500000000000000000000000218000003000000080001000a010001080002000a010001070003006430000008000800000000001400060055000000550000005f05070069050700"
	// 10.9.0.1 with the peer 10.9.0.2 is added.
	peerAdded = "4c0000001400000049e8026b956000000220800003000000080001000a090002080002000a0900010700030064300000080008008000000014000600ffffffffffffffff5b0607005b060700"

	// fd00::1 is added, found not to be a duplicate, gets another lifetime.
	addr6Tentative = "480000001400000000000000000000000a40c0000300000014000100fd00000000000000000000000000000114000600ffffffffffffffff730507007305070008000800c0000000"
	addr6Usable    = "480000001400000000000000000000000a4080000300000014000100fd00000000000000000000000000000114000600ffffffffffffffff73050700730507000800080080000000"
	addr6Again     = "480000001400000000000000000000000a4000000300000014000100fd000000000000000000000000000001140006005a0000005a00000073050700500607000800080000000000"
	addr6Deleted   = "480000001500000000000000000000000a4000000300000014000100fd00000000000000000000000000000114000600580000005800000073050700500607000800080000000000"

	// The route to 10.1.0.0/24, the local one to 10.1.0.1, and default via
	// 10.1.0.2. The last is gone without a word when the link goes down.
	netRoute     = "3c00000018000006000000000000000002180000fe02fd010000000008000f00fe000000080001000a010000080007000a0100010800040003000000"
	localRoute   = "3c00000018000006000000000000000002200000ff02fe020000000008000f00ff000000080001000a010001080007000a0100010800040003000000"
	defaultRoute = "340000001800000649e8026b9c60000002000000fe0300010000000008000f00fe000000080005000a0100020800040003000000"
	routeDeleted = "740000001900000000000000000000000a400000fe0200011000000008000f00fe00000014000100fe8000000000000000000000000000000800060000010000080004000300000024000c0000000000000000000000000000000000000000000000000000000000000000000500140000000000"

	ruleAdded      = "440000002000000049e8026ba060000002002000070000010000000008000f000700000008000e00ffffffff050015000000000008000600fd7f0000080002000a010001"
	neighbourAdded = "4c0000001c00000000000000a8600000020000000300000080000001080001000a0100020a000200020000000001000008000400000000001400030000000000000000000000000001000000"
)

func datagram(t testing.TB, messages ...string) (d []byte) {
	t.Helper()
	for _, m := range messages {
		b, err := hex.DecodeString(m)
		if err != nil {
			t.Fatal(err)
		}
		d = append(d, b...)
	}
	return d
}

// with returns the message with other bytes at an offset.
func with(t testing.TB, message string, at int, other ...byte) string {
	t.Helper()
	b := datagram(t, message)
	copy(b[at:], other)
	return hex.EncodeToString(b)
}

// told is a message and what it is to mean.
type told struct {
	message string
	want    cause
}

func TestNetlinkMessages(t *testing.T) {
	flagsOfRoute, family, familyBridge := 24, 16, byte(unix.AF_BRIDGE)
	for _, test := range []struct {
		name string
		told []told
	}{
		{"life of a link", []told{
			{linkMade, link}, {linkUp, link}, {linkCarrier, link}, {linkNoCarrier, link}, {linkDown, link}, {linkDeleted, ""},
		}},
		{"link as it is", []told{{linkCarrier, link}, {linkCarrier, ""}, {with(t, linkCarrier, 28, 0xff, 0xff, 0xff, 0xff), ""}}},
		{"link deleted while up", []told{{linkCarrier, link}, {linkDeleted, link}, {linkCarrier, link}}},
		{"unknown link deleted", []told{{linkDeleted, link}}},
		{"another link", []told{{linkCarrier, link}, {with(t, linkCarrier, 20, 4), link}}},
		{"port of a bridge", []told{{with(t, linkCarrier, family, familyBridge), ""}}},
		{"life of an address", []told{{addrAdded, address}, {addrAgain, ""}, {addrDeleted, address}, {addrAdded, address}}},
		{"addresses of a link", []told{{addrAdded, address}, {peerAdded, address}, {addrAgain, ""}, {peerAdded, ""}}},
		{"same peer, other address", []told{{peerAdded, address}, {with(t, peerAdded, 39, 3), address}}},
		{"same address, other link", []told{{addrAdded, address}, {with(t, addrAdded, 20, 4), address}}},
		{"address tried, then usable", []told{
			{addr6Tentative, ""}, {addr6Usable, address}, {addr6Again, ""}, {addr6Tentative, address}, {addr6Usable, address},
		}},
		{"address may be used while it is tried", []told{{with(t, addr6Tentative, 18, 0xc0|unix.IFA_F_OPTIMISTIC), address}}},
		{"duplicate address", []told{{with(t, addr6Tentative, 18, 0xc0|unix.IFA_F_DADFAILED), ""}, {addr6Deleted, address}}},
		{"address without its attributes", []told{{addrAdded[:48], address}, {addrAdded[:48], address}}},
		{"routes", []told{{netRoute, route}, {defaultRoute, route}, {defaultRoute, route}, {routeDeleted, route}}},
		{"local route", []told{{localRoute, ""}}},
		{"cached route", []told{{with(t, defaultRoute, flagsOfRoute, 0, unix.RTM_F_CLONED>>8), ""}}},
		{"rule", []told{{ruleAdded, rule}}},
		{"neighbour", []told{{neighbourAdded, ""}}},
		{"several", []told{{neighbourAdded + defaultRoute + neighbourAdded, route}}},
		{"nothing", []told{{"", ""}}},
		{"cut in the header", []told{{defaultRoute[:30], ""}}},
		{"cut in the body", []told{{linkUp[:62], ""}, {addrAdded[:46], ""}, {defaultRoute[:54], ""}}},
		{"length of nothing", []told{{with(t, defaultRoute, 0, 0), ""}}},
		{"length of a header less one", []told{{with(t, defaultRoute, 0, 15), ""}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			n := newNetlink()
			for i, told := range test.told {
				if got := n.cause(datagram(t, told.message)); got != told.want {
					t.Errorf("message %d: got %q, want %q", i, got, told.want)
				}
			}
		})
	}
}

func TestWhatWasKnownIsForgottenWhenMessagesAreLost(t *testing.T) {
	n := newNetlink()
	for range 2 {
		for _, m := range []told{{linkCarrier, link}, {addrAdded, address}, {linkCarrier, ""}, {addrAgain, ""}} {
			if got := n.cause(datagram(t, m.message)); got != m.want {
				t.Errorf("got %q, want %q", got, m.want)
			}
		}
		n.lost()
	}
}

func TestKnownIsBounded(t *testing.T) {
	n := newNetlink()
	linkMessage, addrMessage := datagram(t, linkCarrier), datagram(t, addrAdded)
	for i := range uint32(10 * maxKnown) {
		binary.NativeEndian.PutUint32(linkMessage[20:], i)
		binary.NativeEndian.PutUint32(addrMessage[20:], i)
		if n.cause(linkMessage) != link || n.cause(addrMessage) != address {
			t.Fatalf("interface %d is not told of", i)
		}
		if len(n.links) > maxKnown || len(n.addresses) > maxKnown {
			t.Fatalf("%d links and %d addresses known", len(n.links), len(n.addresses))
		}
	}
}

func FuzzNetlinkMessages(f *testing.F) {
	for _, m := range []string{
		linkUp, linkDeleted, addrAdded, addrDeleted, addr6Tentative, peerAdded, defaultRoute, ruleAdded,
		addrAdded + localRoute, linkCarrier + linkDown,
	} {
		f.Add(datagram(f, m))
	}
	f.Fuzz(func(t *testing.T, d []byte) {
		n := newNetlink()
		_ = n.cause(d)
		if entries := len(n.links) + len(n.addresses); entries > len(d)/unix.SizeofNlMsghdr {
			t.Errorf("%d things known from %d bytes", entries, len(d))
		}
	})
}
