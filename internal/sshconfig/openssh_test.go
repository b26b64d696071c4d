package sshconfig

import (
	"slices"
	"testing"
)

// TestConnectionOptionsElsewhere: file names are those of the launch's
// directory.
func TestConnectionOptionsElsewhere(t *testing.T) {
	for _, c := range []struct{ dir, option, want string }{
		{"/home/me", "-Ff", "/home/me/f"},
		{"/home/me", "-F../f", "/home/f"},
		{"/home/me", "-F/etc/f", "/etc/f"},
		{"/home/me", "-Fnone", "none"},
		{"/home/me", "-F~/f", "/home/me/~/f"}, // ssh does not expand it
		{"/home/me", "-ikey", "/home/me/key"},
		{"/home/me", "-i~/key", "~/key"},
		{"/home/100%", "-ikey", "key"},
		{"/home/100%", "-Ff", "/home/100%/f"},
		{"/home/me", "-Ilib/token.so", "/home/me/lib/token.so"},
		{"/home/me", "-Itoken.so", "token.so"},
		{"/home/me", "-Inone", "none"},
		{"/home/me", "-lme", "me"},
		{"", "-Ff", "f"},
	} {
		config := &Config{SSH: []string{"ssh", c.option}, Dir: c.dir}
		if got := config.ConnectionOptions(); !slices.Equal(got, []string{c.option[:2], c.want}) {
			t.Errorf("%s in %s: %q", c.option, c.dir, got)
		}
	}
}

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
