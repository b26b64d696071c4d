package target

import (
	"slices"
	"testing"
)

func TestConnectionOptions(t *testing.T) {
	for _, c := range []struct{ ssh, program, options []string }{
		{[]string{"ssh"}, []string{"ssh"}, nil},
		{[]string{"ssh", "-p", "22"}, []string{"ssh"}, []string{"-p", "22"}},
		{[]string{"/opt/ssh", "-4Ci", "a key", "-oUser=me"}, []string{"/opt/ssh"}, []string{"-4", "-C", "-i", "a key", "-o", "User=me"}},
		{
			[]string{"tool", "ssh", "-S", "/my/master", "-M", "-J", "hop", "-L1:h:2", "-AvvqNfE", "log", "-F", "f", "-tt", "-x", "-Y"},
			[]string{"tool", "ssh"}, []string{"-F", "f"},
		},
	} {
		config := &Config{SSH: c.ssh}
		if got := config.Program(); !slices.Equal(got, c.program) {
			t.Errorf("%q: program %q", c.ssh, got)
		}
		if got := config.ConnectionOptions(); !slices.Equal(got, c.options) {
			t.Errorf("%q: options %q, want %q", c.ssh, got, c.options)
		}
	}
}
