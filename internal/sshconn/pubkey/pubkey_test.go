package pubkey

import (
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// TestFingerprintsAsSSHKeygen has ssh-keygen name keys of each kind, and
// certificates.
func TestFingerprintsAsSSHKeygen(t *testing.T) {
	dir := t.TempDir()
	keygen := func(args ...string) string {
		out, err := exec.Command("ssh-keygen", args...).Output()
		if err != nil {
			t.Fatalf("ssh-keygen %q: %v", args, err)
		}
		return string(out)
	}
	ca := filepath.Join(dir, "ca")
	keygen("-q", "-N", "", "-t", "ed25519", "-f", ca)
	for i, kind := range []string{"ed25519", "rsa -b 1024", "rsa -b 2048", "rsa -b 3073", "ecdsa -b 256", "ecdsa -b 384", "ecdsa -b 521"} {
		file := filepath.Join(dir, fmt.Sprintf("key%d", i))
		keygen(append([]string{"-q", "-N", "", "-f", file, "-t"}, strings.Fields(kind)...)...)
		keygen("-q", "-s", ca, "-I", "host", "-h", file+".pub")
		for _, name := range []string{file + ".pub", file + "-cert.pub"} {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			key, _, _, _, err := ssh.ParseAuthorizedKey(text)
			if err != nil {
				t.Fatal(err)
			}
			for _, hash := range []string{"md5", "sha1", "sha256", "sha384", "sha512"} {
				out := keygen("-l", "-E", hash, "-f", name)
				if got, want := Fingerprint(strings.ToUpper(hash), key), strings.Fields(out)[1]; got != want {
					t.Errorf("%s of %s: %s", hash, out, got)
				}
			}
		}
	}
}

func TestLongEnough(t *testing.T) {
	for bits, want := range map[int]bool{1024: false, 2048: true} {
		private, err := rsa.GenerateKey(rand.Reader, bits)
		if err != nil {
			t.Fatal(err)
		}
		key, err := ssh.NewPublicKey(&private.PublicKey)
		if err != nil {
			t.Fatal(err)
		}
		inAgent := &agent.Key{Format: key.Type(), Blob: key.Marshal()}
		for _, key := range []ssh.PublicKey{key, &ssh.Certificate{Key: key}, inAgent} {
			if got := LongEnough(key, 2048); got != want {
				t.Errorf("%T of %d bits: long enough is %v", key, bits, got)
			}
			if got := LongEnough(key, 0); !got {
				t.Errorf("%T of %d bits is too short for nothing required", key, bits)
			}
		}
	}
}
