package dial

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
)

// ahosts is glibc's output for a name with two addresses.
const ahosts = `fe80::1%2       STREAM devbox.local
fe80::1%2       DGRAM  
fe80::1%2       RAW    
10.77.0.2       STREAM 
10.77.0.2       DGRAM  
10.77.0.2       RAW    
`

func TestParseAhosts(t *testing.T) {
	for text, want := range map[string][]string{
		ahosts:                                  {"fe80::1%2", "10.77.0.2"},
		"":                                      nil,
		"no address\n\n \n300.1.1.1 x":          nil,
		"10.0.0.1\tSTREAM x\n10.0.0.2":          {"10.0.0.1", "10.0.0.2"},
		strings.Repeat("10.0.0.1 STREAM\n", 99): {"10.0.0.1"},
	} {
		var got []string
		for _, addr := range parseAhosts([]byte(text)) {
			got = append(got, addr.String())
		}
		if !slices.Equal(got, want) {
			t.Errorf("%.40q: %q, want %q", text, got, want)
		}
	}
}

func FuzzParseAhosts(f *testing.F) {
	f.Add([]byte(ahosts))
	var many []byte
	for a := netip.MustParseAddr("10.0.0.1"); len(many) < maxGetent; a = a.Next() {
		many = append(many, a.String()+" STREAM\n"...)
	}
	f.Add(many)
	f.Fuzz(func(t *testing.T, text []byte) {
		addrs := parseAhosts(text)
		if len(addrs) > maxAddresses {
			t.Errorf("%d addresses", len(addrs))
		}
		for i, a := range addrs {
			if !a.IsValid() || slices.Contains(addrs[:i], a) {
				t.Errorf("%v in %v", a, addrs)
			}
		}
	})
}

func TestPlainName(t *testing.T) {
	for name, want := range map[string]bool{
		"devbox": true, "devbox.local": true, "my_box-2.example.": true, "127.1": true,
		"": false, "-s": false, "--help": false, "a b": false, "a\nb": false, "a/b": false, "höst": false, "a:b": false,
		strings.Repeat("x", maxName): true, strings.Repeat("x", maxName+1): false,
	} {
		if got := plainName(name); got != want {
			t.Errorf("%q: %v", name, got)
		}
	}
}
