package main

import (
	"testing"

	"github.com/mosha-ssh/mosha/internal/sshconfig"
)

// TestForwardNames: of the tunnels that ssh prints, the flags name their own. One
// that is there twice is printed once.
func TestForwardNames(t *testing.T) {
	config := &sshconfig.Config{Forwarding: sshconfig.Forwarding{Lines: []sshconfig.ForwardLine{
		{Keyword: "localforward", Value: "1 [h]:1"}, {Keyword: "localforward", Value: "2 [h]:2"}, {Keyword: "localforward", Value: "3 [h]:3"},
	}}}
	c := forwardCmd{forwardFlags: forwardFlags{Local: []string{"2:h:2", "2:h:2"}}}
	named, err := c.named(config)
	if err != nil || len(named) != 1 || named[0].Flag() != "-L 2:h:2" {
		t.Errorf("%v, %v", named, err)
	}
	c.Local = []string{"4:h:4"}
	if named, err := c.named(config); err == nil {
		t.Errorf("%v", named)
	}
}
