package sshconfig

import (
	"slices"
	"strings"
)

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
	"updatehostkeys":                   update,
	"fingerprinthash":                  textOption(func(c *Config) *string { return &c.FingerprintHash }),
	"visualhostkey":                    truth(func(c *Config) *bool { return &c.VisualHostKey }),
	"verifyhostkeydns":                 dns,
	"requiredrsasize":                  number(func(c *Config) *int { return &c.RequiredRSASize }, 0, 1<<31-1),
	"nohostauthenticationforlocalhost": truth(func(c *Config) *bool { return &c.NoHostAuthenticationForLocalhost }),
	"hostbasedacceptedalgorithms":      list(func(c *Config) *[]string { return &c.HostbasedAcceptedAlgorithms }),
}

// update reads UpdateHostKeys, which ssh -G prints as true, false or ask.
func update(c *Config, value string) bool {
	switch value {
	case "yes", "true":
		c.UpdateHostKeys = UpdateYes
	case "no", "false":
		c.UpdateHostKeys = UpdateNo
	case "ask":
		c.UpdateHostKeys = UpdateAsk
	default:
		return false
	}
	return true
}

// dns reads VerifyHostKeyDNS.
func dns(c *Config, value string) bool {
	if value == "ask" {
		c.VerifyHostKeyDNS = value
		return true
	}
	on := false
	ok := truth(func(*Config) *bool { return &on })(c, value)
	c.VerifyHostKeyDNS = map[bool]string{true: "yes", false: "no"}[on]
	return ok
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

// HostKeyTokens are what only KnownHostsCommand knows (ssh_config(5), TOKENS).
type HostKeyTokens struct {
	Invocation  string // %I: ORDER, HOSTNAME or ADDRESS
	Name        string // %H: the host name or address that is looked up
	KeyType     string // %t: of the server's key, NONE if there is none yet
	Fingerprint string // %f
	Key         string // %K: in base64
}

// KnownHostsArgs returns the command line of KnownHostsCommand, which no shell
// reads: split as ssh does, with tokens and ${NAME} expanded in all words but
// the program. It fails with *CommandError, *TokenError or *EnvError.
func (c *Config) KnownHostsArgs(about HostKeyTokens, env func(string) (string, bool)) ([]string, error) {
	args, ok := splitArgs(c.KnownHostsCommand)
	if !ok {
		return nil, &CommandError{Option: "KnownHostsCommand", Value: c.KnownHostsCommand, Problem: "has an unfinished quote", Ignored: true}
	}
	if len(args) == 0 || !strings.HasPrefix(args[0], "/") {
		return nil, &CommandError{Option: "KnownHostsCommand", Value: c.KnownHostsCommand, Problem: "is not an absolute path", Ignored: true}
	}
	t := c.tokens()
	t['I'], t['H'], t['t'], t['f'], t['K'] = about.Invocation, about.Name, about.KeyType, about.Fingerprint, about.Key
	for i, arg := range args[1:] {
		word, err := t.strict("KnownHostsCommand", arg, env)
		if err != nil {
			return nil, err
		}
		args[i+1] = word
	}
	return args, nil
}

// splitArgs splits a command as OpenSSH's argv_split (misc.c) does: quotes of
// both kinds, and a backslash before a quote, a backslash or, outside quotes, a
// space. ok is false if a quote is not closed.
func splitArgs(s string) (args []string, ok bool) {
	for s = strings.TrimLeft(s, " \t"); s != ""; s = strings.TrimLeft(s, " \t") {
		var arg string
		if arg, s, ok = cutArg(s); !ok {
			return nil, false
		}
		args = append(args, arg)
	}
	return args, true
}

// cutArg reads the word that s begins with.
func cutArg(s string) (arg, rest string, ok bool) {
	var b strings.Builder
	quote := byte(0)
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '\\' && i+1 < len(s) && (strings.IndexByte(`'"\`, s[i+1]) >= 0 || quote == 0 && s[i+1] == ' '):
			i++
			b.WriteByte(s[i])
		case quote == 0 && (c == ' ' || c == '\t'):
			return b.String(), s[i:], true
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
		case quote != 0 && c == quote:
			quote = 0
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), "", quote == 0
}
