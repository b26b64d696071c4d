package mosh

import "testing"

func TestIsPortRange(t *testing.T) {
	for s, want := range map[string]bool{
		"": true, "0": true, "60001": true, "65535": true, "60000:61000": true, "60000:60000": true, "060001": true,
		"65536": false, "-1": false, "+1": false, "abc": false, "60000:": false, ":61000": false, "61000:60000": false, "0:10": false,
		"60000:65536": false, "1:2:3": false, " 1": false, "0x10": false, "60000-61000": false, "٣": false,
	} {
		if got := IsPortRange(s); got != want {
			t.Errorf("%q: %v, want %v", s, got, want)
		}
	}
}
