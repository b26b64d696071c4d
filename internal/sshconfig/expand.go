package sshconfig

import (
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
)

// tokens are the values of ssh_config(5), TOKENS, by letter.
type tokens map[byte]string

// tokens returns what the percent tokens stand for. %C, whose definition
// changed between versions of OpenSSH, is among them only where Resolve asked
// ssh for it.
func (c *Config) tokens() tokens {
	host, _ := os.Hostname()
	short, _, _ := strings.Cut(host, ".")
	alias := c.HostKeyAlias
	if alias == "" {
		alias = c.OriginalHost
	}
	t := tokens{
		'%': "%",
		'h': c.HostName,
		'j': lastJumpHost(c.ProxyJump),
		'k': alias,
		'L': short,
		'l': host,
		'n': c.OriginalHost,
		'p': strconv.Itoa(c.Port),
		'r': c.User,
		'i': strconv.Itoa(os.Getuid()),
	}
	if c.ConnectionHash != "" {
		t['C'] = c.ConnectionHash
	}
	if me, err := user.Current(); err == nil {
		t['d'] = me.HomeDir
		t['u'] = me.Username
	}
	return t
}

// expand replaces tokens and, where env is not nil, ${NAME} in an option's value
// as ssh does, which takes an unknown token and a variable that is not set for
// an error. Expanded text is not expanded again.
func (t tokens) expand(option, s string, env func(string) (string, bool)) (string, error) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		rest := s[i:]
		switch {
		case env != nil && strings.HasPrefix(rest, "${"):
			name, _, closed := strings.Cut(rest[2:], "}")
			value, set := env(name)
			if !closed || !set {
				return "", fmt.Errorf("environment variable %s in %q has no value", name, s)
			}
			b.WriteString(value)
			i += len(name) + 2
		case rest[0] == '%':
			value, known := "", false
			if len(rest) > 1 {
				value, known = t[rest[1]]
			}
			if !known {
				return "", fmt.Errorf("%s %q has an unknown token", option, s)
			}
			b.WriteString(value)
			i++
		default:
			b.WriteByte(rest[0])
		}
	}
	return b.String(), nil
}

// only leaves those tokens that an option knows.
func (t tokens) only(letters string) tokens {
	left := tokens{}
	for i := range len(letters) {
		left[letters[i]] = t[letters[i]]
	}
	return left
}

// tilde replaces a leading ~ or ~name by that user's home directory.
func (t tokens) tilde(s string) string {
	if !strings.HasPrefix(s, "~") {
		return s
	}
	name, rest, slash := strings.Cut(s[1:], "/")
	home := t['d']
	if name != "" {
		u, err := user.Lookup(name)
		if err != nil {
			return s
		}
		home = u.HomeDir
	}
	if !slash {
		return home
	}
	return strings.TrimSuffix(home, "/") + "/" + rest
}

// expand replaces, in place, the file names that ssh -G prints unexpanded. In
// those of host keys it has expanded what it ever will, but for the tilde: a
// token that is left is part of the name.
func (c *Config) expand(env func(string) (string, bool)) error {
	t := c.tokens()
	for _, list := range [][]string{c.UserKnownHostsFiles, c.GlobalKnownHostsFiles, c.RevokedHostKeys} {
		for i, file := range list {
			list[i] = c.Absolute(t.tilde(file))
		}
	}
	for _, option := range []struct {
		name  string
		files []string
	}{{"IdentityFile", c.IdentityFiles}, {"CertificateFile", c.CertificateFiles}} {
		for i, file := range option.files {
			path, err := t.expand(option.name, t.tilde(file), env)
			if err != nil {
				return err
			}
			option.files[i] = c.Absolute(path)
		}
	}
	_, err := t.only(proxyTokens).expand("ProxyCommand", c.ProxyCommand, nil)
	return err
}

// proxyTokens are those of ProxyCommand (sshconnect.c, expand_proxy_command).
const proxyTokens = "%hknpr"

// Absolute makes a file name valid in every working directory. The word none
// stands for no file.
func (c *Config) Absolute(path string) string {
	switch {
	case path == "", path == "none":
		return path
	case filepath.IsAbs(path):
		return filepath.Clean(path)
	}
	return filepath.Join(c.Dir, path)
}

// ProxyShellCommand returns the ProxyCommand with its tokens expanded, for
// $SHELL -c; "" if there is none. Host and user name were checked by Resolve,
// and that there is no unknown token.
func (c *Config) ProxyShellCommand() string {
	command, _ := c.tokens().only(proxyTokens).expand("ProxyCommand", c.ProxyCommand, nil)
	return command
}
