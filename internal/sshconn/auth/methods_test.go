package auth

import "testing"

func TestOrderOfMethods(t *testing.T) {
	all := map[string]bool{"publickey": true, "keyboard-interactive": true, "password": true}
	m := newMethods(nil, all)
	for i, step := range []struct {
		supported []string
		disable   string
		want      string
	}{
		{[]string{"password", "publickey"}, "", "publickey"},
		{[]string{"password", "publickey"}, "", "publickey"},
		{[]string{"password", "publickey"}, "publickey", "password"},
		{[]string{"keyboard-interactive", "password"}, "", "keyboard-interactive"},
		{[]string{"keyboard-interactive", "password"}, "keyboard-interactive", "password"},
		{[]string{"keyboard-interactive", "password"}, "password", ""},
		{[]string{"gssapi-with-mic", "publickey"}, "", ""},
	} {
		if step.disable != "" {
			m.disable(step.disable)
		}
		if got := m.next(step.supported); got != step.want {
			t.Errorf("step %d: %q, want %q", i, got, step.want)
		}
	}
}
