package transport

import (
	"crypto"
	_ "crypto/md5" // FingerprintHash
	_ "crypto/sha1"
	_ "crypto/sha512"
	"encoding/base64"
	"fmt"
	"strings"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"github.com/mosha-ssh/mosha/internal/sshconfig"
)

// fingerprintFor names a key to a person, in the hash of FingerprintHash, as ssh
// writes it (sshkey.c, sshkey_fingerprint): a certificate by the key that it
// certifies. A hash that is not known here is taken for SHA256.
func fingerprintFor(cfg *sshconfig.Config, key ssh.PublicKey) string {
	if offered, ok := key.(*agent.Key); ok {
		key = parsed(offered)
	}
	name, hash := strings.ToUpper(cfg.FingerprintHash), crypto.SHA256
	switch name {
	case "MD5":
		hash = crypto.MD5
	case "SHA1":
		hash = crypto.SHA1
	case "SHA384":
		hash = crypto.SHA384
	case "SHA512":
		hash = crypto.SHA512
	default:
		name = "SHA256"
	}
	h := hash.New()
	h.Write(plainKey(key).Marshal())
	digest := h.Sum(nil)
	if name == "MD5" {
		return name + ":" + strings.ReplaceAll(fmt.Sprintf("% x", digest), " ", ":")
	}
	return name + ":" + base64.RawStdEncoding.EncodeToString(digest)
}
