package sshconfig

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mosha-ssh/mosha/internal/child"
	"github.com/mosha-ssh/mosha/internal/lab/labtest"
)

// TestProgram: what is in front of ssh, and what is in its place, is told from
// ssh's options.
func TestProgram(t *testing.T) {
	for _, c := range []struct{ ssh, program, front string }{
		{"ssh", "ssh", ""},
		{"ssh -p 22", "ssh", ""},
		{"ssh -l ssh -J ssh -i /home/ssh", "ssh", ""},
		{"nice -n 5 ssh -p 22", "nice -n 5 ssh", "nice"},
		{"env -u X Y=1 /usr/bin/ssh -4C -o User=ssh", "env -u X Y=1 /usr/bin/ssh", "env"},
		{"timeout 3600 ssh", "timeout 3600 ssh", "timeout"},
		{"sudo -u ssh ssh -l ssh", "sudo -u ssh ssh", "sudo"},
		{"ip netns exec vpn sudo -u me ssh", "ip netns exec vpn sudo -u me ssh", "ip"},
		{"sshpass -p x ssh -v", "sshpass -p x ssh", "sshpass"},
		{"kitten ssh", "kitten ssh", "kitten"},
		{"my-ssh -p 22 -l me", "my-ssh", "my-ssh"},
		{"env -u X my-ssh -p 22", "env -u X my-ssh", "env"},
		{"env -u X my-ssh", "env -u X my-ssh", "env"},
		{"no-such-directory/ssh", "no-such-directory/ssh", "no-such-directory/ssh"},
	} {
		words := strings.Fields(c.ssh)
		if got := (&Config{SSH: words}).Program(); strings.Join(got, " ") != c.program {
			t.Errorf("%s: the program is %q", c.ssh, got)
		}
		if got := front(words, child.Env{}); got != c.front {
			t.Errorf("%s: in front is %q", c.ssh, got)
		}
	}
	dir := t.TempDir()
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	labtest.Program(t, filepath.Join(dir, "ssh"), "#!/bin/sh\nexec /usr/bin/ssh \"$@\"\n")
	if got := front([]string{"ssh", "-p", "22"}, child.Env{}); got != "ssh" {
		t.Errorf("a script named ssh: in front is %q", got)
	}
}

// TestFrontInEnvironment: what the loader puts into ssh may have another way.
func TestFrontInEnvironment(t *testing.T) {
	t.Setenv("LD_PRELOAD", "")
	plain := resolve(t, sshWith(t, ""), "h")
	t.Setenv("LD_PRELOAD", "/no/such/library.so")
	with := resolve(t, sshWith(t, ""), "h")
	if plain.Front != "" || with.Front != "LD_PRELOAD" || plain.ID() == with.ID() {
		t.Errorf("%q and %q", plain.Front, with.Front)
	}
	if got := (&Config{SSH: []string{"nice", "/opt/ssh", "-p", "22"}}).JumpProgram(); got != "/opt/ssh" {
		t.Errorf("a jump host's ssh is %s", got)
	}
	if got := (&Config{SSH: []string{"my-ssh"}}).ConnectionOptions(); !slices.Equal(got, nil) {
		t.Errorf("options %q", got)
	}
}
