package keyfile

import (
	"bytes"
	"crypto/rand"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
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
	if f.outer != nil && private.Comment != "a comment" {
		t.Errorf("comment %q", private.Comment)
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
// format, and every cipher.
func TestEveryFormat(t *testing.T) {
	dir := t.TempDir()
	for _, key := range [][]string{{"rsa", "-b", "2048"}, {"ecdsa", "-b", "256"}, {"ecdsa", "-b", "384"}, {"ecdsa", "-b", "521"}, {"ed25519"}} {
		base := filepath.Join(dir, strings.Join(key, ""))
		run(t, "ssh-keygen", append([]string{"-q", "-N", "", "-C", "a comment", "-f", base, "-t"}, key...)...)
		public := run(t, "ssh-keygen", "-y", "-f", base)
		variant := func(name, passphrase string, args ...string) {
			t.Run(strings.Join(key, "")+"/"+name, func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "key")
				copyFile(t, base, path)
				run(t, "ssh-keygen", append([]string{"-q", "-p", "-P", "", "-N", passphrase, "-f", path}, args...)...)
				opens(t, path, public, passphrase)
			})
		}
		for _, format := range []string{"RFC4716", "PEM", "PKCS8"} {
			if format == "PEM" && key[0] == "ed25519" {
				continue // there is no such format
			}
			variant(format, "", "-m", format)
			variant(format+" encrypted", passphrase, "-m", format, "-a", "2")
		}
		if key[0] == "ed25519" {
			for _, cipher := range sshCiphers(t) {
				variant(cipher, passphrase, "-Z", cipher, "-a", "2")
			}
			variant("rounds", passphrase, "-a", "40")
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

// TestOpenSSL reads keys that were made without ssh-keygen, which ssh takes as
// well.
func TestOpenSSL(t *testing.T) {
	dir := t.TempDir()
	base := filepath.Join(dir, "base")
	run(t, "openssl", "genpkey", "-quiet", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", base)
	if err := os.Chmod(base, 0o600); err != nil {
		t.Fatal(err)
	}
	public := run(t, "ssh-keygen", "-y", "-f", base)
	for name, args := range map[string][]string{
		"scrypt":  {"-scrypt"},
		"des3":    {"-v2", "des3"},
		"aes192":  {"-v2", "aes-192-cbc", "-v2prf", "hmacWithSHA384"},
		"aes256":  {"-v2", "aes-256-cbc", "-v2prf", "hmacWithSHA512"},
		"sha1":    {"-v2", "aes128", "-v2prf", "hmacWithSHA1"},
		"sha256":  {"-v2", "aes128", "-v2prf", "hmacWithSHA256"},
		"1 round": {"-v2", "aes128", "-iter", "1"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(dir, name)
			run(t, "openssl", append([]string{"pkcs8", "-topk8", "-in", base, "-out", path, "-passout", "pass:" + passphrase}, args...)...)
			opens(t, path, public, passphrase)
		})
	}
	t.Run("parameters before the key", func(t *testing.T) {
		path := filepath.Join(dir, "params")
		run(t, "openssl", "ecparam", "-name", "secp384r1", "-genkey", "-out", path)
		if err := os.Chmod(path, 0o600); err != nil {
			t.Fatal(err)
		}
		opens(t, path, run(t, "ssh-keygen", "-y", "-f", path), "")
	})
	t.Run("unknown encryption", func(t *testing.T) {
		path := filepath.Join(dir, "v1")
		run(t, "openssl", "pkcs8", "-topk8", "-in", base, "-out", path, "-passout", "pass:"+passphrase, "-v1", "PBE-SHA1-3DES")
		refused(t, path, "unknown encryption")
	})
}

func refused(t *testing.T, path, want string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := Parse(text)
	if err == nil {
		_, err = f.Open([]byte(passphrase))
	}
	var format *FormatError
	if !errors.As(err, &format) || !strings.Contains(format.What, want) {
		t.Errorf("got %v, want %q", err, want)
	}
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
		if err != nil || f.outer == nil || tooSlow(f) {
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
	path := filepath.Join(t.TempDir(), "key")
	run(t, "ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-a", "1", "-f", path)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	f.outer.Options = string(ssh.Marshal(options{Salt: "salt", Rounds: maxRounds + 1}))
	var format *FormatError
	if _, err := f.Open([]byte(passphrase)); !errors.As(err, &format) {
		t.Errorf("got %v", err)
	}
}

// tooSlow says whether opening takes longer than a test has.
func tooSlow(f *File) bool {
	var o options
	return ssh.Unmarshal([]byte(f.outer.Options), &o) == nil && o.Rounds > 4
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
		if file.outer != nil && tooSlow(file) || file.block.Type == pkcs8EncryptedType {
			return
		}
		_, err = file.Open([]byte(passphrase))
		if format := (*FormatError)(nil); err != nil && !errors.Is(err, ErrPassphrase) && !errors.As(err, &format) {
			t.Fatalf("%T %v", err, err)
		}
	})
}

// FuzzPKCS8 is about what stands around the key; deriving one takes its time.
func FuzzPKCS8(f *testing.F) {
	f.Add([]byte("0"), []byte("p"))
	f.Fuzz(func(_ *testing.T, plain, iv []byte) {
		if len(plain) > 0 {
			_, _ = parsePadded(plain, 16)
		}
		_, _ = openPKCS8(plain, iv)
	})
}
