package knownhosts

import (
	"bytes"
	"encoding/base64"
	"math/big"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/mosha-ssh/mosha/internal/sshconn/pubkey"
)

// TestKindsOfSSH: a key that only ssh can read is known by its bytes, and a host
// that has such a one has changed if it shows another.
func TestKindsOfSSH(t *testing.T) {
	const known, other, older = "ssh-new AAAAB3NzaC1uZXcx", "ssh-new AAAAB3NzaC1uZXcy", "ssh-newer AAAACXNzaC1uZXdlcjE="
	opaque := func(encoded string) *pubkey.Opaque {
		blob, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil {
			t.Fatal(err)
		}
		key, err := pubkey.Parse(blob)
		if err != nil {
			t.Fatal(err)
		}
		return key.(*pubkey.Opaque)
	}
	for _, test := range []struct {
		text string
		key  string // "": ed1
		want Status
	}{
		{"box " + known, "AAAAB3NzaC1uZXcx", Match},
		{"box " + other, "AAAAB3NzaC1uZXcx", Changed},
		{"@revoked * " + known, "AAAAB3NzaC1uZXcx", Revoked},
		{"box {ed1}", "AAAAB3NzaC1uZXcx", Changed},
		{"box {ed1}\nbox " + known, "AAAAB3NzaC1uZXcx", Match},
		{"box " + known, "", Changed},
		{"box " + older, "", Unknown}, // ssh has not got that kind either
		{"box ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAAXg=", "", Unknown},
	} {
		q := Query{Host: Host{Hostname: "box", Port: 22}, Key: public("ed1"), Now: time.Now(), Kinds: []string{"ssh-new"}}
		if test.key != "" {
			q.Key = opaque(test.key)
		}
		if r := read(t, expand(test.text)).Check(q); r.Status != test.want {
			t.Errorf("%q: %+v, want %v", test.text, r, test.want)
		}
	}
}

// TestDSA: old servers have such a key alone, and the ssh of old systems takes
// it; x/crypto does not read it any more.
func TestDSA(t *testing.T) {
	n := big.NewInt(7)
	blob := ssh.Marshal(struct {
		Type       string
		P, Q, G, Y *big.Int
	}{"ssh-dss", n, n, n, n})
	key, err := pubkey.Parse(blob)
	if err != nil || key.Type() != "ssh-dss" || !bytes.Equal(key.Marshal(), blob) {
		t.Fatalf("%v, %v", key, err)
	}
	line := "box ssh-dss " + base64.StdEncoding.EncodeToString(blob)
	for text, want := range map[string]Status{line: Match, "@revoked * " + line[4:]: Revoked, "box {ed1}": Changed, "": Unknown} {
		q := Query{Host: Host{Hostname: "box", Port: 22}, Key: key, Now: time.Now(), Kinds: []string{"ssh-dss"}}
		if r := read(t, expand(text)).Check(q); r.Status != want {
			t.Errorf("%q: %+v, want %v", text, r, want)
		}
	}
}
