package sshconfig

import "slices"

// Values of UpdateHostKeys.
const (
	UpdateNo  = "no"
	UpdateYes = "yes"
	UpdateAsk = "ask"
)

// hostKeySetters are the setters of the options about host keys.
var hostKeySetters = map[string]func(*Config, string) bool{
	"knownhostscommand":                none(func(c *Config) *string { return &c.KnownHostsCommand }),
	"revokedhostkeys":                  files(func(c *Config) *[]string { return &c.RevokedHostKeys }),
	"updatehostkeys":                   word(func(c *Config) *string { return &c.UpdateHostKeys }, UpdateNo, UpdateYes, UpdateAsk),
	"fingerprinthash":                  textOption(func(c *Config) *string { return &c.FingerprintHash }),
	"visualhostkey":                    truth(func(c *Config) *bool { return &c.VisualHostKey }),
	"verifyhostkeydns":                 word(func(c *Config) *string { return &c.VerifyHostKeyDNS }, "no", "yes", "ask"),
	"requiredrsasize":                  number(func(c *Config) *int { return &c.RequiredRSASize }, 0, 1<<31-1),
	"nohostauthenticationforlocalhost": truth(func(c *Config) *bool { return &c.NoHostAuthenticationForLocalhost }),
	"hostbasedacceptedalgorithms":      list(func(c *Config) *[]string { return &c.HostbasedAcceptedAlgorithms }),
}

// fixesHostKeyOrder reports whether HostKeyAlgorithms is a list of the user's
// own, which ssh takes as it is. Where it is unset, or adds to the default (+)
// or takes from it (-), ssh puts the algorithms of known keys first
// (sshconnect2.c, ssh_kex2). ssh -G prints the list in full either way, so
// fixesHostKeyOrder compares it with lists that have the same default: the
// order is not fixed if the list is one of them, with names left out or
// appended. A list of the user's own that looks so counts as not fixed too: at
// worst, that finds a known key. A single name has no order.
func fixesHostKeyOrder(list []string, defaults ...[]string) bool {
	return len(list) == 1 || len(list) > 0 && !slices.ContainsFunc(defaults, func(d []string) bool { return derived(list, d) })
}

// derived reports whether list begins with members of the default in its order,
// and either lacks some of them or has others behind all of them.
func derived(list, from []string) bool {
	kept := 0
	for _, name := range from {
		if kept < len(list) && list[kept] == name {
			kept++
		}
	}
	rest := list[kept:]
	return len(rest) == 0 || kept == len(from) && kept > 0
}
