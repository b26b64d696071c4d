package text

import (
	"strings"
	"testing"
)

func TestMatch(t *testing.T) {
	for _, test := range []struct {
		pattern, s string
		want       bool
	}{
		{"", "", true}, {"", "a", false}, {"*", "", true}, {"*", "a", true}, {"**", "a", true}, {"?", "", false}, {"?", "a", true},
		{"a*b", "ab", true}, {"a*b", "axxb", true}, {"a*b", "axxbc", false}, {"a*b*c", "abxbxc", true}, {"*a", "baab", false},
		{"*a?", "xaab", true}, {"LC_*", "LC_ALL", true}, {"LC_*", "lc_all", false}, {"a", "ab", false}, {"ab", "a", false},
		{"*a*a*a*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false},
	} {
		if got := Match(test.pattern, test.s); got != test.want {
			t.Errorf("%q and %q: %v", test.pattern, test.s, got)
		}
	}
}

// TestMatchIsNotSlow never ends if the matcher tries every way of sharing the
// name among the stars.
func TestMatchIsNotSlow(t *testing.T) {
	pattern := strings.Repeat("*a", 500) + "b"
	if Match(pattern, strings.Repeat("a", 5000)) {
		t.Error("matched")
	}
}
