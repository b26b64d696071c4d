package dial

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

func TestOrder(t *testing.T) {
	addrs := func(list ...string) (out []netip.Addr) {
		for _, a := range list {
			out = append(out, netip.MustParseAddr(a))
		}
		return out
	}
	const a4, b4, a6, b6 = "192.0.2.1", "192.0.2.2", "2001:db8::1", "fe80::1%eth0"
	system := []string{a6, a4, b6, b4}
	for _, test := range []struct {
		family string
		want   []string
	}{
		{"", system}, {"any", system}, {"all", system}, {"auto", system},
		{"inet", []string{a4, b4}}, {"inet6", []string{a6, b6}},
		{"prefer-inet", []string{a4, b4, a6, b6}}, {"prefer-inet6", []string{a6, b6, a4, b4}},
	} {
		if got := order(addrs(system...), test.family); !slices.Equal(got, addrs(test.want...)) {
			t.Errorf("%s: %v, want %v", test.family, got, test.want)
		}
	}
	if got := order(addrs("::ffff:192.0.2.1"), "inet"); len(got) != 1 || !got[0].Is4() {
		t.Errorf("mapped address: %v", got)
	}
	if got := order(order(addrs(system...), "inet"), "prefer-inet6"); !slices.Equal(got, addrs(a4, b4)) {
		t.Errorf("restricted, then ordered: %v", got)
	}
}

func TestInterleave(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "4": "4", "4a 4b": "4a 4b", "6a 6b 6c 4a": "6a 4a 6b 6c", "4a 4b 6a 6b": "4a 6a 4b 6b", "6a 4a 4b 6b 4c": "6a 4a 6b 4b 4c",
	} {
		var addrs []netip.Addr
		names := map[netip.Addr]string{}
		for i, name := range strings.Fields(in) {
			addr := netip.MustParseAddr(fmt.Sprintf("192.0.2.%d", i))
			if name[0] == '6' {
				addr = netip.MustParseAddr(fmt.Sprintf("2001:db8::%d", i))
			}
			addrs, names[addr] = append(addrs, addr), name
		}
		var got []string
		for _, addr := range interleave(addrs) {
			got = append(got, names[addr])
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s became %s, want %s", in, got, want)
		}
	}
}
