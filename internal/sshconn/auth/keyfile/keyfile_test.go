package keyfile

import (
	"bytes"
	"crypto/rand"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
)

const passphrase = "correct horse"

// run runs a program and returns its output.
func run(t testing.TB, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).Output()
	if err != nil {
		t.Fatalf("%s %q: %v", name, args, err)
	}
	return string(out)
}

// opens checks that a file is read as ssh-keygen reads it: with the passphrase
// and with no other.
func opens(t *testing.T, path, public, passphrase string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := Parse(text)
	if err != nil {
		t.Fatalf("%v:\n%s", err, text)
	}
	if f.Encrypted != (passphrase != "") {
		t.Errorf("encrypted: %v", f.Encrypted)
	}
	if f.Public != nil && !same(f.Public, public) {
		t.Errorf("public key before opening: %s", ssh.MarshalAuthorizedKey(f.Public))
	}
	for _, wrong := range []string{"", "correct hors"} {
		if _, err := f.Open([]byte(wrong)); f.Encrypted && !errors.Is(err, ErrPassphrase) {
			t.Errorf("wrong passphrase %.20q: %v", wrong, err)
		}
	}
	private, err := f.Open([]byte(passphrase))
	if err != nil {
		t.Fatal(err)
	}
	if !same(private.Signer.PublicKey(), public) {
		t.Errorf("public key: %s", ssh.MarshalAuthorizedKey(private.Signer.PublicKey()))
	}
	signature, err := private.Signer.Sign(rand.Reader, []byte("data"))
	if err != nil || private.Signer.PublicKey().Verify([]byte("data"), signature) != nil {
		t.Errorf("the signature is not good: %v", err)
	}
}

func same(key ssh.PublicKey, line string) bool {
	parsed, _, _, _, err := ssh.ParseAuthorizedKey([]byte(line))
	return err == nil && bytes.Equal(parsed.Marshal(), key.Marshal())
}

// sshCiphers are those of the installed OpenSSH.
func sshCiphers(t *testing.T) []string {
	t.Helper()
	list := strings.Fields(run(t, "ssh", "-Q", "cipher"))
	if len(list) < 8 {
		t.Fatalf("ssh has %q", list)
	}
	return list
}

// TestEveryFormat reads what ssh-keygen writes: every type of key in every
// format, and every cipher, or reports that only OpenSSH can.
func TestEveryFormat(t *testing.T) {
	dir := t.TempDir()
	for _, key := range [][]string{{"rsa", "-b", "2048"}, {"ecdsa", "-b", "256"}, {"ecdsa", "-b", "384"}, {"ecdsa", "-b", "521"}, {"ed25519"}} {
		base := filepath.Join(dir, strings.Join(key, ""))
		run(t, "ssh-keygen", append([]string{"-q", "-N", "", "-C", "a comment", "-f", base, "-t"}, key...)...)
		public := run(t, "ssh-keygen", "-y", "-f", base)
		variant := func(name, passphrase string, ours bool, args ...string) {
			t.Run(strings.Join(key, "")+"/"+name, func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "key")
				copyFile(t, base, path)
				run(t, "ssh-keygen", append([]string{"-q", "-p", "-P", "", "-N", passphrase, "-f", path}, args...)...)
				text, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				if ours && !bytes.Contains(text, []byte(pkcs8EncryptedType)) { // Ed25519 has that from 9.6 on
					opens(t, path, public, passphrase)
				} else {
					beyond(t, path, public)
				}
			})
		}
		for _, format := range []string{"RFC4716", "PEM", "PKCS8"} {
			if format == "PEM" && key[0] == "ed25519" {
				continue // there is no such format
			}
			variant(format, "", true, "-m", format)
			variant(format+" encrypted", passphrase, true, "-m", format, "-a", "2")
		}
		if key[0] == "ed25519" {
			for _, cipher := range sshCiphers(t) {
				variant(cipher, passphrase, slices.Contains(ciphers, cipher), "-Z", cipher, "-a", "2")
			}
			variant("rounds", passphrase, true, "-a", "40")
		}
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	text, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// beyond checks that a file is known to be one for OpenSSH before it is opened,
// and that its public key is told where it shows it.
func beyond(t *testing.T, path, public string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	var format *FormatError
	if !f.Encrypted || !errors.As(f.Beyond, &format) || !format.Unknown {
		t.Errorf("%+v", f)
	}
	if _, err := f.Open([]byte(passphrase)); !errors.Is(err, f.Beyond) {
		t.Errorf("opened: %v", err)
	}
	if shows := bytes.Contains(text, []byte(opensshType)); shows != (f.Public != nil) || shows && !same(f.Public, public) {
		t.Errorf("public key %v", f.Public)
	}
}

// TestOpenSSL reads keys that were made without ssh-keygen, which ssh takes as
// well.
func TestOpenSSL(t *testing.T) {
	path := filepath.Join(t.TempDir(), "params") // which stand before the key
	run(t, "openssl", "ecparam", "-name", "secp384r1", "-genkey", "-out", path)
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	opens(t, path, run(t, "ssh-keygen", "-y", "-f", path), "")
	locked := path + ".locked"
	run(t, "openssl", "ec", "-in", path, "-out", locked, "-camellia128", "-passout", "pass:"+passphrase)
	beyond(t, locked, "")
}

// TestDamaged changes every byte of an encrypted file in turn: what comes of it
// is an error or the same key.
func TestDamaged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	run(t, "ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-a", "1", "-f", path)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	whole, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	for i := range text {
		bad := bytes.Clone(text)
		bad[i] ^= 1
		f, err := Parse(bad)
		if err != nil || f.Beyond != nil || tooSlow(f) {
			continue
		}
		private, err := f.Open([]byte(passphrase))
		if err == nil && !bytes.Equal(private.Signer.PublicKey().Marshal(), whole.Public.Marshal()) {
			t.Errorf("byte %d makes another key", i)
		}
	}
}

// TestTooManyRounds: a file that would take for ever is refused at once.
func TestTooManyRounds(t *testing.T) {
	for rounds, want := range map[uint32]bool{maxRounds: false, maxRounds + 1: true} {
		e := envelope{Cipher: "aes256-ctr", KDF: "bcrypt", Options: string(ssh.Marshal(options{Salt: "salt", Rounds: rounds}))}
		if err := e.beyond(); (err != nil) != want {
			t.Errorf("%d rounds: %v", rounds, err)
		}
	}
}

// tooSlow reports whether opening takes longer than a test has.
func tooSlow(f *File) bool {
	var e envelope
	var o options
	body, ok := bytes.CutPrefix(f.block.Bytes, []byte(magic))
	return ok && ssh.Unmarshal(body, &e) == nil && ssh.Unmarshal([]byte(e.Options), &o) == nil && o.Rounds > 4
}

func FuzzParse(f *testing.F) {
	path := filepath.Join(f.TempDir(), "key")
	for _, args := range [][]string{
		{"-t", "ed25519", "-N", "", "-a", "1"}, {"-t", "ed25519", "-N", passphrase, "-a", "1"},
		{"-t", "ed25519", "-N", passphrase, "-a", "1", "-Z", "chacha20-poly1305@openssh.com"},
		{"-t", "ecdsa", "-N", passphrase, "-m", "PEM"}, {"-t", "ecdsa", "-N", passphrase, "-m", "PKCS8"},
	} {
		_ = os.Remove(path)
		run(f, "ssh-keygen", append([]string{"-q", "-f", path}, args...)...)
		text, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		file, err := Parse(text)
		if err != nil {
			if format := (*FormatError)(nil); !errors.As(err, &format) {
				t.Fatalf("%T %v", err, err)
			}
			return
		}
		if tooSlow(file) {
			return
		}
		_, err = file.Open([]byte(passphrase))
		if format := (*FormatError)(nil); err != nil && !errors.Is(err, ErrPassphrase) && !errors.As(err, &format) {
			t.Fatalf("%T %v", err, err)
		}
	})
}
