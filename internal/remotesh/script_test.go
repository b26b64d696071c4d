package remotesh

import "testing"

func TestStrip(t *testing.T) {
	if got := Strip("# c\n\n  a # b\n  # d\n\t$#\nx='\n'\n"); got != "a # b\n\t$#\nx='\n'\n" {
		t.Errorf("script is %q", got)
	}
}
