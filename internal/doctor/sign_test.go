package doctor

import (
	"crypto/ed25519"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
)

// authorized returns a key as ssh-add -L prints it.
func authorized(t *testing.T, wire []byte) string {
	t.Helper()
	key, err := ssh.ParsePublicKey(wire)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key))) + " comment"
}

// TestSignable: nobody is asked to touch a key for a signature.
func TestSignable(t *testing.T) {
	public := ed25519.PublicKey(strings.Repeat("x", ed25519.PublicKeySize))
	token := authorized(t, ssh.Marshal(struct {
		Type        string
		Key         []byte
		Application string
	}{ssh.KeyAlgoSKED25519, public, "ssh:"})) // PROTOCOL.u2f
	plain := authorized(t, ssh.Marshal(struct {
		Type string
		Key  []byte
	}{ssh.KeyAlgoED25519, public}))
	if key := signable([]string{"", token, "nonsense", plain}); key == nil || key.Type() != ssh.KeyAlgoED25519 {
		t.Errorf("the key to sign with is %v", key)
	}
	lines := []string{token, "sk-ecdsa-sha2-nistp256@openssh.com AAAA"}
	if key := signable(lines); key != nil {
		t.Errorf("a %s is to sign", key.Type())
	}
	e := &examination{keysHere: 1}
	if c := e.signature(Check{State: OK}, agentSeen{path: "/x", code: 0, keys: lines}, signature{}); c.State != Skip || c.Problem.Kind != Touch {
		t.Errorf("it says %+v", c)
	}
}

func TestBlameKey(t *testing.T) {
	public := ed25519.PublicKey(strings.Repeat("x", ed25519.PublicKeySize))
	key := authorized(t, ssh.Marshal(struct {
		Type string
		Key  []byte
	}{ssh.KeyAlgoED25519, public}))
	parsed, _, _, _, err := ssh.ParseAuthorizedKey([]byte(key))
	if err != nil {
		t.Fatal(err)
	}
	identity := ssh.FingerprintSHA256(parsed)
	for options, want := range map[string]string{
		"":                                "",
		"pty ":                            "",
		"restrict ":                       "restrict",
		"Restrict,Agent-Forwarding ":      "",
		`from="a,b",no-agent-forwarding `: "no-agent-forwarding",
		`command="restrict",pty `:         "",
	} {
		for _, who := range []string{"", identity} {
			if b := blameKey([]string{options + key}, who, "no-agent-forwarding", "agent-forwarding"); b.line != want {
				t.Errorf("%s: to blame is %+v", options, b)
			}
		}
		if b := blameKey([]string{options + key}, "SHA256:another", "no-agent-forwarding", "agent-forwarding"); b.line != "" {
			t.Errorf("%s of another key: to blame is %+v", options, b)
		}
	}
}

func TestBlameConfig(t *testing.T) {
	for _, c := range []struct {
		lines string
		where string
	}{
		{"", ""},
		{"a:1:AllowAgentForwarding yes", ""},
		{"a:1:allowagentforwarding NO", "a:1"},
		{"a:1: DisableForwarding=yes", "a:1"},
		{"a:1:Match User x\na:2:AllowAgentForwarding no", `a:2, below "Match User x"`},
		{"a:1:Match User x\na:2:Match all\na:3:AllowAgentForwarding no", "a:3"},
		{"a:1:Match User x\nb:1:AllowAgentForwarding no", "b:1"},
	} {
		var lines []configLine
		for _, line := range strings.Split(c.lines, "\n") {
			if l, ok := parseConfigLine(line); ok {
				lines = append(lines, l)
			}
		}
		if b := blameConfig(lines, noForwarding); b.where != c.where {
			t.Errorf("%q: to blame is %+v, want %q", c.lines, b, c.where)
		}
	}
}
