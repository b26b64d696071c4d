package knownhosts

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// testKeys are made once: two of a kind, to have one that differs.
var testKeys = sync.OnceValue(func() map[string]ssh.Signer {
	keys := map[string]ssh.Signer{}
	for _, name := range []string{"ed1", "ed2", "ca1", "ca2"} {
		_, key, _ := ed25519.GenerateKey(rand.Reader)
		keys[name] = must(ssh.NewSignerFromKey(key))
	}
	keys["ec1"] = must(ssh.NewSignerFromKey(must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))))
	keys["ec384"] = must(ssh.NewSignerFromKey(must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader))))
	keys["rsa1"] = must(ssh.NewSignerFromKey(must(rsa.GenerateKey(rand.Reader, 2048))))
	return keys
})

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func public(name string) ssh.PublicKey { return testKeys()[name].PublicKey() }

// keyText is a key as it stands in known_hosts.
func keyText(name string) string {
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(public(name))))
}

// cert returns a good host certificate for the key, changed by each change and
// signed afterwards, by hand where x/crypto refuses to sign one without
// principals.
func cert(t testing.TB, key, ca string, changes ...func(*ssh.Certificate)) *ssh.Certificate {
	t.Helper()
	c := &ssh.Certificate{
		Key: public(key), CertType: ssh.HostCert, KeyId: "host", ValidPrincipals: []string{"host.example"},
		ValidAfter: uint64(now.Add(-time.Hour).Unix()), ValidBefore: uint64(now.Add(time.Hour).Unix()),
	}
	for _, change := range changes {
		change(c)
	}
	if len(c.ValidPrincipals) > 0 {
		if err := c.SignCert(rand.Reader, testKeys()[ca]); err != nil {
			t.Fatal(err)
		}
		return c
	}
	c.SignatureKey = testKeys()[ca].PublicKey()
	unsigned := c.Marshal() // ends in an empty signature, of which the length is not signed
	signature, err := testKeys()[ca].Sign(rand.Reader, unsigned[:len(unsigned)-4])
	if err != nil {
		t.Fatal(err)
	}
	c.Signature = signature
	return c
}

var now = time.Unix(1_700_000_000, 0)

// read makes a DB of one file with this text, in which {name} stands for a key.
func read(t testing.TB, content string) *DB {
	t.Helper()
	return Read([]string{write(t, content)}, nil)
}

func write(t testing.TB, content string) string {
	t.Helper()
	for name := range testKeys() {
		content = strings.ReplaceAll(content, "{"+name+"}", keyText(name))
	}
	file := filepath.Join(t.TempDir(), "known_hosts")
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// check is Check without a command.
func (db *DB) check(h Host, key ssh.PublicKey) Result {
	return db.Check(Query{Host: h, Key: key, Now: now})
}
