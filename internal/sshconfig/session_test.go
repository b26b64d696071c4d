package sshconfig

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSessionEnv(t *testing.T) {
	c := &Config{SendEnv: []string{"LANG", "MY_*", "?X"}, SetEnv: []string{"LANG=C", "EMPTY=", "EQUAL=a=b"}}
	got := c.SessionEnv([]string{"LANG=de", "LANGUAGE=de", "MY_=1", "MY_A=x=y", "NOTMY_A=1", "AX=1", "AXX=1", "broken"})
	var want []EnvVar
	for _, v := range [][2]string{{"LANG", "de"}, {"MY_", "1"}, {"MY_A", "x=y"}, {"AX", "1"}, {"LANG", "C"}, {"EMPTY", ""}, {"EQUAL", "a=b"}} {
		want = append(want, EnvVar{v[0], []byte(v[1])})
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestForwardedSocket(t *testing.T) {
	env := func(name string) string { return map[string]string{"SSH_AUTH_SOCK": "/sock", "MINE": "/mine"}[name] }
	for _, test := range []struct{ forward, identity, want string }{
		{"yes", "", "/sock"}, {"no", "", "/sock"}, {"no", "/other", "/other"}, {"yes", "none", ""},
		{"/a b", "none", "/a b"}, {"$MINE", "", "/mine"}, {"$NONE", "", ""},
	} {
		got, ok := (&Config{ForwardAgent: test.forward, IdentityAgent: test.identity}).ForwardedSocket(env)
		if got != test.want || ok != (test.want != "") {
			t.Errorf("ForwardAgent %s, IdentityAgent %s: %q, %v", test.forward, test.identity, got, ok)
		}
	}
}

// TestIPQoS has words that ssh takes, in the forms in which it prints them.
func TestIPQoS(t *testing.T) {
	none := -1
	for value, want := range map[string]int{
		"lowdelay throughput": 0x10, "af21 cs1": 0x48, "none none": none, "none cs1": none, "ef none": 0xb8,
		"0x20 0x20": 0x20, "0x00 0x00": 0, "a-new-word none": none,
	} {
		var c Config
		got := none
		if ok := ipqos(&c, value); ok && c.QoS != nil {
			got = *c.QoS
		}
		if got != want {
			t.Errorf("%s: %#x, want %#x", value, got, want)
		}
	}
}
