package auth

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"golang.org/x/crypto/ssh"

	"github.com/mosha-ssh/mosha/internal/sshconfig"
	"github.com/mosha-ssh/mosha/internal/sshconn/auth/keyfile"
)

// maxKeyFile bounds what is read of a key file; OpenSSH takes 1 MB.
const maxKeyFile = 1 << 20

// identity is a key that may be tried: from the configuration, from the agent,
// or both.
type identity struct {
	source string        // file name, or the agent's comment
	public ssh.PublicKey // nil if only the private file could tell
	agent  ssh.Signer    // nil if the agent does not have it
}

// configured returns the identities and the certificates of the configuration
// (ssh.c, load_public_identity_files). Without a CertificateFile, each
// identity's own FILE-cert.pub follows it.
func configured(cfg *sshconfig.Config) (files, certs []identity) {
	for _, file := range cfg.IdentityFiles {
		files = append(files, identity{source: file, public: loadPublic(file)})
		if len(cfg.CertificateFiles) > 0 {
			continue
		}
		if cert := loadCertificate(file + "-cert"); cert != nil {
			files = append(files, identity{source: file, public: cert})
		}
	}
	for _, file := range cfg.CertificateFiles {
		if cert := loadCertificate(file); cert != nil {
			certs = append(certs, identity{source: file, public: cert})
		}
	}
	return files, certs
}

// loadPublic finds the public key that belongs to an identity file: the file
// may be a public key itself, have a .pub beside it, or tell it without
// passphrase. Nil if none does (authfile.c, sshkey_load_public).
func loadPublic(file string) ssh.PublicKey {
	for _, name := range []string{file, file + ".pub"} {
		if key := parsePublic(name); key != nil {
			return key
		}
	}
	text, err := readKeyFile(file)
	if err != nil {
		return nil
	}
	private, err := keyfile.Parse(text)
	if err != nil {
		return nil
	}
	return private.Public
}

// parsePublic reads the first key of a public key file, nil if it has none.
func parsePublic(file string) ssh.PublicKey {
	key, _ := readPublic(file)
	return key
}

// publicComment returns the comment of the public key beside an identity file, ""
// if there is none: x/crypto tells none of a private key.
func publicComment(file string) string {
	_, comment := readPublic(file + ".pub")
	return comment
}

func readPublic(file string) (key ssh.PublicKey, comment string) {
	text, err := readKeyFile(file)
	if err != nil || bytes.Contains(text, []byte("PRIVATE KEY-----")) {
		return nil, ""
	}
	key, comment, _, _, err = ssh.ParseAuthorizedKey(text)
	if err != nil {
		return nil, ""
	}
	return key, comment
}

// loadCertificate reads a user certificate from file or file.pub, nil if there is
// none.
func loadCertificate(file string) ssh.PublicKey {
	cert, ok := loadPublic(file).(*ssh.Certificate)
	if !ok || cert.CertType != ssh.UserCert {
		return nil
	}
	return cert
}

// private applies OpenSSH's rule (authfile.c, sshkey_perm_ok): a key of one's own
// that others may read is not used.
func private(file string) bool {
	info, err := os.Stat(file)
	if err != nil {
		return false
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	return !ok || int(owner.Uid) != os.Getuid() || info.Mode().Perm()&0o077 == 0
}

// defaultNames are the identities that ssh looks for without configuration.
var defaultNames = []string{"id_rsa", "id_dsa", "id_ecdsa", "id_ecdsa_sk", "id_ed25519", "id_ed25519_sk", "id_xmss", "id_mldsa44_ed25519"}

func isDefault(file string) bool {
	return filepath.Base(filepath.Dir(file)) == ".ssh" && slices.Contains(defaultNames, filepath.Base(file))
}

func readKeyFile(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxKeyFile))
}
