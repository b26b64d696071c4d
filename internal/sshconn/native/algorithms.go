package native

import (
	"slices"

	"golang.org/x/crypto/ssh"

	"github.com/mosha-ssh/mosha/internal/sshconfig"
	"github.com/mosha-ssh/mosha/internal/sshconn"
)

// curve25519LibSSH is supported by x/crypto as another name of
// curve25519-sha256, but not listed.
const curve25519LibSSH = "curve25519-sha256@libssh.org"

// algorithms are what the configuration allows and x/crypto has, in the
// configuration's order.
type algorithms struct {
	ssh.Config
	hostKeys []string
}

// choose intersects. It fails with *AlgorithmError if nothing is left: an empty
// list would mean x/crypto's defaults.
func choose(cfg *sshconfig.Config) (algorithms, error) {
	good, weak := ssh.SupportedAlgorithms(), ssh.InsecureAlgorithms()
	var a algorithms
	a.KeyExchanges = both(cfg.KexAlgorithms, append(good.KeyExchanges, curve25519LibSSH), weak.KeyExchanges)
	a.Ciphers = both(cfg.Ciphers, good.Ciphers, weak.Ciphers)
	a.MACs = both(cfg.MACs, good.MACs, weak.MACs)
	a.hostKeys = both(cfg.HostKeyAlgorithms, good.HostKeys, weak.HostKeys)
	if len(a.MACs) == 0 {
		// Ciphers with a MAC of their own need no other.
		a.Ciphers = slices.DeleteFunc(a.Ciphers, func(name string) bool { return !aead[name] })
		a.MACs = good.MACs
	}
	for _, list := range []struct {
		what string
		left []string
	}{
		{"key exchange", a.KeyExchanges},
		{"cipher", a.Ciphers},
		{"host key", a.hostKeys},
	} {
		if len(list.left) == 0 {
			return algorithms{}, &sshconn.AlgorithmError{What: list.what}
		}
	}
	return a, nil
}

// aead are the ciphers that need no MAC.
var aead = map[string]bool{
	ssh.CipherAES128GCM:        true,
	ssh.CipherAES256GCM:        true,
	ssh.CipherChaCha20Poly1305: true,
}

// both returns the configured names that are supported, or the good ones if there
// is no configuration. Weak ones have to be configured.
func both(configured, good, weak []string) []string {
	if len(configured) == 0 {
		return good
	}
	var left []string
	for _, name := range configured {
		if slices.Contains(good, name) || slices.Contains(weak, name) {
			left = append(left, name)
		}
	}
	return left
}
