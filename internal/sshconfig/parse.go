package sshconfig

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Limits on the output of ssh -G: a real one has 5 KB in a hundred lines.
const (
	maxOutput = 1 << 20
	maxLine   = 64 << 10
)

// parse reads the output of ssh -G: a line per option, the key in lower case,
// a space, the value as it is. Unknown keys are left alone, and so are unknown
// values of what is dispensable.
func parse(output []byte) (*Config, error) {
	c := &Config{
		Port:                  22,
		AddressFamily:         "any",
		StrictHostKeyChecking: "ask",
		UpdateHostKeys:        UpdateNo,
		VerifyHostKeyDNS:      "no",
		ServerAliveCountMax:   3,
		ConnectionAttempts:    1,
		TCPKeepAlive:          true,
		PubkeyAuthentication:  true,

		PasswordAuthentication:  true,
		KbdInteractive:          true,
		NumberOfPasswordPrompts: 3,
		AddKeysToAgent:          "no",
		LogLevel:                "INFO",

		ForwardAgent: "no",
		Forwarding:   Forwarding{Mask: 0o177},
	}
	lines := bufio.NewScanner(bytes.NewReader(output))
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		key, value, ok := strings.Cut(lines.Text(), " ")
		if !ok {
			continue
		}
		key = strings.ToLower(key)
		if set := setter(key); set != nil && !set(c, value) && !dispensable[key] {
			return nil, fmt.Errorf("ssh -G wrote %s %q", key, value)
		}
	}
	if lines.Err() != nil {
		return nil, errors.New("ssh -G wrote a line that is too long")
	}
	c.HostKeyAlgorithmsFixed = fixesHostKeyOrder(c.HostKeyAlgorithms, c.HostbasedAcceptedAlgorithms, c.PubkeyAcceptedAlgorithms)
	switch {
	case c.HostName == "":
		return nil, errors.New("ssh -G wrote no hostname")
	case c.User == "":
		return nil, errors.New("ssh -G wrote no user")
	}
	return c, nil
}

// dispensable are the options that decide neither whom we talk to nor who may
// log in how. Where a newer ssh prints an unknown value for one, its default
// holds.
var dispensable = map[string]bool{
	"serveralivecountmax": true, "serveraliveinterval": true, "connecttimeout": true, "connectionattempts": true,
	"tcpkeepalive": true, "numberofpasswordprompts": true, "addkeystoagent": true, "updatehostkeys": true,
	"visualhostkey": true, "rekeylimit": true, "setenv": true, "forkafterauthentication": true,
	"gssapiauthentication": true, "gssapidelegatecredentials": true, "gssapikeyexchange": true, "gssapitrustdns": true, "hostbasedauthentication": true,
	"gatewayports": true, "exitonforwardfailure": true, "streamlocalbindunlink": true,
}

// setter finds a key's setter, nil for one that does not matter.
func setter(key string) func(*Config, string) bool {
	for _, table := range []map[string]func(*Config, string) bool{setters, hostKeySetters, tcpSetters, sessionSetters, forwardSetters, opensshSetters} {
		if set := table[key]; set != nil {
			return set
		}
	}
	return nil
}

// setters holds, for each key that matters, how its value goes into a Config. A
// setter returns false for an impossible value, which changes nothing.
var setters = map[string]func(*Config, string) bool{
	"host":                            textOption(func(c *Config) *string { return &c.OriginalHost }),
	"hostname":                        textOption(func(c *Config) *string { return &c.HostName }),
	"user":                            textOption(func(c *Config) *string { return &c.User }),
	"hostkeyalias":                    textOption(func(c *Config) *string { return &c.HostKeyAlias }),
	"proxyjump":                       none(func(c *Config) *string { return &c.ProxyJump }),
	"proxycommand":                    none(func(c *Config) *string { return &c.ProxyCommand }),
	"securitykeyprovider":             textOption(func(c *Config) *string { return &c.SecurityKeyProvider }),
	"pkcs11provider":                  none(func(c *Config) *string { return &c.PKCS11Provider }),
	"bindaddress":                     textOption(func(c *Config) *string { return &c.BindAddress }),
	"identityagent":                   textOption(func(c *Config) *string { return &c.IdentityAgent }),
	"forwardagent":                    textOption(func(c *Config) *string { return &c.ForwardAgent }),
	"addressfamily":                   word(func(c *Config) *string { return &c.AddressFamily }, "any", "inet", "inet6"),
	"stricthostkeychecking":           word(func(c *Config) *string { return &c.StrictHostKeyChecking }, "yes", "no", "ask", "accept-new"),
	"port":                            number(func(c *Config) *int { return &c.Port }, 1, 65535),
	"serveralivecountmax":             number(func(c *Config) *int { return &c.ServerAliveCountMax }, 0, 1<<31-1),
	"connecttimeout":                  seconds(func(c *Config) *time.Duration { return &c.ConnectTimeout }),
	"serveraliveinterval":             seconds(func(c *Config) *time.Duration { return &c.ServerAliveInterval }),
	"identitiesonly":                  truth(func(c *Config) *bool { return &c.IdentitiesOnly }),
	"hashknownhosts":                  truth(func(c *Config) *bool { return &c.HashKnownHosts }),
	"checkhostip":                     truth(func(c *Config) *bool { return &c.CheckHostIP }),
	"tcpkeepalive":                    truth(func(c *Config) *bool { return &c.TCPKeepAlive }),
	"warnweakcrypto":                  truth(func(c *Config) *bool { return &c.WarnWeakCrypto }),
	"batchmode":                       truth(func(c *Config) *bool { return &c.BatchMode }),
	"pubkeyauthentication":            unlessNo(func(c *Config) *bool { return &c.PubkeyAuthentication }), // unbound, host-bound
	"passwordauthentication":          truth(func(c *Config) *bool { return &c.PasswordAuthentication }),
	"kbdinteractiveauthentication":    truth(func(c *Config) *bool { return &c.KbdInteractive }),
	"challengeresponseauthentication": truth(func(c *Config) *bool { return &c.KbdInteractive }), // before 8.7
	"numberofpasswordprompts":         number(func(c *Config) *int { return &c.NumberOfPasswordPrompts }, 0, 1<<31-1),
	"addkeystoagent":                  addKeysToAgent,
	"preferredauthentications":        list(func(c *Config) *[]string { return &c.PreferredAuthentications }),
	"loglevel":                        textOption(func(c *Config) *string { return &c.LogLevel }),
	"identityfile":                    file(func(c *Config) *[]string { return &c.IdentityFiles }),
	"certificatefile":                 file(func(c *Config) *[]string { return &c.CertificateFiles }),
	"userknownhostsfile":              files(func(c *Config) *[]string { return &c.UserKnownHostsFiles }),
	"globalknownhostsfile":            files(func(c *Config) *[]string { return &c.GlobalKnownHostsFiles }),
	"ciphers":                         list(func(c *Config) *[]string { return &c.Ciphers }),
	"kexalgorithms":                   list(func(c *Config) *[]string { return &c.KexAlgorithms }),
	"macs":                            list(func(c *Config) *[]string { return &c.MACs }),
	"hostkeyalgorithms":               list(func(c *Config) *[]string { return &c.HostKeyAlgorithms }),
	"pubkeyacceptedalgorithms":        list(func(c *Config) *[]string { return &c.PubkeyAcceptedAlgorithms }),
	"pubkeyacceptedkeytypes":          list(func(c *Config) *[]string { return &c.PubkeyAcceptedAlgorithms }), // before 8.5
	"casignaturealgorithms":           list(func(c *Config) *[]string { return &c.CASignatureAlgorithms }),
}

func textOption(field func(*Config) *string) func(*Config, string) bool {
	return func(c *Config, value string) bool {
		*field(c) = value
		return true
	}
}

// none is text where the word none means that the option is off.
func none(field func(*Config) *string) func(*Config, string) bool {
	return func(c *Config, value string) bool {
		if strings.EqualFold(value, "none") {
			value = ""
		}
		*field(c) = value
		return true
	}
}

// word reads one of these words. ssh -G prints yes and no as true and false for
// some options.
func word(field func(*Config) *string, words ...string) func(*Config, string) bool {
	return func(c *Config, value string) bool {
		switch value {
		case "true":
			value = "yes"
		case "false", "off":
			value = "no"
		}
		if !slices.Contains(words, value) {
			return false
		}
		*field(c) = value
		return true
	}
}

// unlessNo reads an option that is off by no, and on by several words.
func unlessNo(field func(*Config) *bool) func(*Config, string) bool {
	return func(c *Config, value string) bool {
		*field(c) = value != "no" && value != "false"
		return true
	}
}

// addKeysToAgent reads yes, no, ask or confirm, and a time in seconds, which
// alone means yes.
func addKeysToAgent(c *Config, value string) bool {
	mode, lifetime := "yes", c.AddKeysLifetime
	for word := range strings.FieldsSeq(value) {
		switch word {
		case "yes", "true":
		case "no", "false":
			mode = "no"
		case "ask", "confirm":
			mode = word
		default:
			read := Config{}
			if !seconds(func(c *Config) *time.Duration { return &c.AddKeysLifetime })(&read, word) {
				return false
			}
			lifetime = read.AddKeysLifetime
		}
	}
	c.AddKeysToAgent, c.AddKeysLifetime = mode, lifetime
	return true
}

func number(field func(*Config) *int, min, max int) func(*Config, string) bool {
	return func(c *Config, value string) bool {
		n, err := strconv.Atoi(value)
		if err != nil || n < min || n > max {
			return false
		}
		*field(c) = n
		return true
	}
}

func seconds(field func(*Config) *time.Duration) func(*Config, string) bool {
	return func(c *Config, value string) bool {
		if value == "none" {
			value = "0"
		}
		n, err := strconv.ParseInt(value, 10, 32)
		if err != nil {
			return false
		}
		*field(c) = time.Duration(max(n, 0)) * time.Second
		return true
	}
}

func truth(field func(*Config) *bool) func(*Config, string) bool {
	return func(c *Config, value string) bool {
		switch value {
		case "yes", "true":
			*field(c) = true
		case "no", "false":
			*field(c) = false
		default:
			return false
		}
		return true
	}
}

func list(field func(*Config) *[]string) func(*Config, string) bool {
	return func(c *Config, value string) bool {
		*field(c) = strings.FieldsFunc(value, func(r rune) bool { return r == ',' })
		return true
	}
}

// file reads an option that is printed on a line a file.
func file(field func(*Config) *[]string) func(*Config, string) bool {
	return func(c *Config, value string) bool {
		if !strings.EqualFold(value, "none") {
			*field(c) = append(*field(c), value)
		}
		return true
	}
}

// files reads an option whose files are printed on one line, unquoted.
func files(field func(*Config) *[]string) func(*Config, string) bool {
	return func(c *Config, value string) bool {
		*field(c) = splitPaths(value, exists)
		return true
	}
}

// splitPaths parts file names that may hold spaces themselves. ssh -G prints
// nearly all of them with their full path, so a word that does not begin one
// belongs to the name before it, unless a file of that name exists.
func splitPaths(value string, exists func(string) bool) []string {
	var paths []string
	for i, word := range strings.Split(value, " ") {
		begins := strings.HasPrefix(word, "/") || strings.HasPrefix(word, "~")
		if i == 0 || begins || (word != "" && exists(word)) {
			paths = append(paths, word)
			continue
		}
		paths[len(paths)-1] += " " + word
	}
	var kept []string
	for _, path := range paths {
		if path != "" && path != "none" {
			kept = append(kept, path)
		}
	}
	return kept
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
