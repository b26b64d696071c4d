//go:build linux

package transport

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/mosha-ssh/mosha/internal/sshconfig"
	"github.com/mosha-ssh/mosha/internal/sshconn"
)

// TestFingerprintsAsSSHKeygen has ssh-keygen name keys of each kind, and
// certificates.
func TestFingerprintsAsSSHKeygen(t *testing.T) {
	s := &site{t: t, dir: t.TempDir()}
	ca := s.newKey("ca", "ed25519")
	for i, kind := range []string{"ed25519", "rsa -b 1024", "rsa -b 2048", "rsa -b 3073", "ecdsa -b 256", "ecdsa -b 384", "ecdsa -b 521", "ed25519", "ed25519"} {
		file := s.path(fmt.Sprintf("key%d", i))
		s.run("ssh-keygen", append([]string{"-q", "-N", "", "-f", file, "-t"}, strings.Fields(kind)...)...)
		s.run("ssh-keygen", "-q", "-s", ca, "-I", "host", "-h", file+".pub")
		for _, name := range []string{file + ".pub", file + "-cert.pub"} {
			for _, hash := range []string{"md5", "sha1", "sha256", "sha384", "sha512"} {
				asKeygen(t, name, hash)
			}
		}
	}
}

func asKeygen(t *testing.T, file, hash string) {
	t.Helper()
	out, err := exec.Command("ssh-keygen", "-l", "-E", hash, "-f", file).Output()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	key, _, _, _, err := ssh.ParseAuthorizedKey(text)
	if err != nil {
		t.Fatal(err)
	}
	cfg := &sshconfig.Config{FingerprintHash: strings.ToUpper(hash)}
	if got, want := fingerprintFor(cfg, key), strings.Fields(string(out))[1]; got != want {
		t.Errorf("%s of %s: %s", hash, out, got)
	}
}

// TestVerdict reads answers as ssh does: it looks at the first word only.
func TestVerdict(t *testing.T) {
	q := sshconn.HostKeyQuestion{Fingerprint: "MD5:01:ab"}
	for answer, want := range map[string][2]bool{
		"yes": {true, true}, " YES sure": {true, true}, "MD5:01:ab": {true, true}, "MD5:01:ab\t": {true, true},
		"": {false, true}, " ": {false, true}, "No": {false, true}, "no way": {false, true},
		"y": {}, "MD5:01:AB": {}, "01:ab": {}, "yesno": {}, "MD5:01:ab,": {},
	} {
		if yes, clear := readAnswer(&q, answer); [2]bool{yes, clear} != want {
			t.Errorf("%q: %t, %t", answer, yes, clear)
		}
	}
	if yes, clear := readAnswer(&sshconn.HostKeyQuestion{Kind: sshconn.AskUpdate}, "SHA256:x"); yes || clear {
		t.Errorf("a fingerprint where none is shown: %t, %t", yes, clear)
	}
}
