package mosh

import (
	"os"
	"strings"
	"testing"
)

// TestServerStart holds it against what the real wrapper gives its --ssh
// command.
func TestServerStart(t *testing.T) {
	t.Setenv("LC_ALL", "C.UTF-8")
	t.Setenv("LC_TIME", "it's; $(odd)")
	for name, flags := range map[string]Flags{
		"plain":            {},
		"port":             {Port: "61000:61010"},
		"server":           {Server: "nice '/opt/my mosh/mosh-server'"},
		"any":              {BindServer: "any"},
		"ssh":              {BindServer: "SSH"},
		"server's address": {BindServer: "192.0.2.1"},
		"IPv6":             {BindServer: "::", Family: "inet6"},
	} {
		t.Run(name, func(t *testing.T) {
			args := record(t, flags, "sleep", "it's 60")
			got := flags.ServerStart(os.Getenv, "sleep", "it's 60")
			want := args[len(args)-1]
			if colors := strings.Split(want, "' '-c' '"); len(colors) == 2 { // as many as the terminal has
				number, _, _ := strings.Cut(colors[1], "'")
				got = strings.Replace(got, "'-c' '256'", "'-c' '"+number+"'", 1)
			}
			if got != want {
				t.Errorf("it is %s\nand the wrapper's %s", got, want)
			}
		})
	}
}

func TestFamilyFits(t *testing.T) {
	for _, c := range []struct {
		family, address string
		fits            bool
	}{
		{"inet", "192.0.2.1", true}, {"inet", "2001:db8::1", false}, {"inet6", "2001:db8::1", true}, {"inet6", "192.0.2.1", false},
		{"prefer-inet", "2001:db8::1", true}, {"auto", "192.0.2.1", true}, {"inet", "", true},
	} {
		if FamilyFits(c.family, c.address) != c.fits {
			t.Errorf("%s and %s: %v", c.family, c.address, !c.fits)
		}
	}
}
