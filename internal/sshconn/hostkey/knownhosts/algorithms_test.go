package knownhosts

import "testing"

func TestOnlyOther(t *testing.T) {
	const other = " ssh-new AAAAB3NzaC1uZXcx\n"
	for _, test := range []struct {
		text string
		want string
	}{
		{"", ""},
		{"[box]:2222" + other, "ssh-new"},
		{"*" + other, "ssh-new"},
		{"@cert-authority *" + other, "ssh-new"},
		{"@revoked *" + other, ""},
		{"[box]:2222" + other + "[box]:2222 {ed1}", ""},
		{"[box]:2222" + other + "@revoked [box]:2222 {ed1}", "ssh-new"},
		{"box" + other, "ssh-new"},
		{"box" + other + "[box]:2222 {ed1}", ""},
		{"[box]:2222" + other + "box {ed1}", "ssh-new"},
		{"[box]:22" + other, ""},
		{"[box]:2222 ssh-newer AAAACXNzaC1uZXdlcjE=\n", ""}, // which ssh has not either
		{"[box]:2222 ssh-new AAAAB3NzaC1vbGQx\n", ""},       // its blob is of another kind
		{"[box]:2222 1024 35 1234567\n", ""},
	} {
		h := Host{Hostname: "box", Port: 2222}
		if got := read(t, expand(test.text)).OnlyOther(h, []string{"ssh-ed25519", "ssh-new"}); got != test.want {
			t.Errorf("%q: %q, want %q", test.text, got, test.want)
		}
	}
}
