package sshconfig

import (
	"path/filepath"
	"strings"
)

// opensshSetters are the setters of options that only OpenSSH's own ssh acts
// upon.
var opensshSetters = map[string]func(*Config, string) bool{
	"gssapiauthentication":      truth(func(c *Config) *bool { return &c.GSSAPIAuthentication }),
	"gssapidelegatecredentials": truth(func(c *Config) *bool { return &c.GSSAPIDelegateCredentials }),
	"gssapitrustdns":            truth(func(c *Config) *bool { return &c.GSSAPITrustDNS }),
	"gssapikeyexchange":         truth(func(c *Config) *bool { return &c.GSSAPIKeyExchange }),
	"hostbasedauthentication":   truth(func(c *Config) *bool { return &c.HostbasedAuthentication }),
	"canonicalizehostname":      unlessNo(func(c *Config) *bool { return &c.CanonicalizeHostname }), // always
	"forkafterauthentication":   truth(func(c *Config) *bool { return &c.ForkAfterAuthentication }),
}

// ofConnections are the options of ssh(1) that say something about the
// connection itself, not about what is done over it, nor where ssh writes what
// it has to say. -J is not among them: how to reach the host is for others to
// decide.
const ofConnections = "46BCFIKbciklmopP"

// ConnectionOptions returns the user's options of the ssh command that are
// about the connection itself, without those that are about sessions,
// forwardings, an existing master or the way there. File names hold in every
// directory.
func (c *Config) ConnectionOptions() []string {
	var kept []string
	eachOption(c.SSH, func(option byte, value string) {
		switch {
		case strings.IndexByte(ofConnections, option) >= 0 && strings.IndexByte(withValue, option) >= 0:
			kept = append(kept, "-"+string(option), c.located(option, value))
		case strings.IndexByte(ofConnections, option) >= 0:
			kept = append(kept, "-"+string(option))
		}
	})
	return kept
}

// located makes the file name in an option of ssh absolute, but for one that
// ssh expands, and for a library that the system finds. ssh would expand what
// looks like a token in a directory's name, too.
func (c *Config) located(option byte, name string) string {
	switch {
	case strings.IndexByte("FIi", option) < 0, c.Dir == "", name == "", filepath.IsAbs(name),
		option != 'i' && name == "none",
		option == 'I' && !strings.Contains(name, "/"),
		option == 'i' && (name[0] == '~' || strings.ContainsAny(c.Dir, "%$")):
		return name
	}
	return filepath.Join(c.Dir, name)
}
