package target

import (
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
)

// tokens are the values of ssh_config(5), TOKENS, by letter.
type tokens map[byte]string

// tokens returns what the percent tokens stand for. %C, whose definition changed
// between versions of OpenSSH, is among them only where Resolve asked ssh for it.
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

// percent replaces the tokens in s. An unknown one stays as it is, so that the
// file of that name is simply not found.
func (t tokens) percent(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+1 < len(s) {
			if value, ok := t[s[i+1]]; ok {
				b.WriteString(value)
				i++
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// path expands a file name as ssh does: ~ first, then tokens and ${NAME}. It
// fails with *EnvError if a variable is not set.
func (t tokens) path(s string, env func(string) (string, bool)) (string, error) {
	s = t.tilde(s)
	var b strings.Builder
	for rest := s; rest != ""; {
		head, tail, found := strings.Cut(rest, "${")
		b.WriteString(t.percent(head))
		if !found {
			break
		}
		name, after, closed := strings.Cut(tail, "}")
		value, set := env(name)
		if !closed || !set {
			return "", &EnvError{Name: name, Value: s}
		}
		b.WriteString(value)
		rest = after
	}
	return b.String(), nil
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
			list[i] = absolute(t.tilde(file))
		}
	}
	for _, list := range [][]string{c.IdentityFiles, c.CertificateFiles} {
		for i, file := range list {
			path, err := t.path(file, env)
			if err != nil {
				return err
			}
			list[i] = absolute(path)
		}
	}
	return nil
}

// absolute makes a file name valid in every working directory. The word none
// stands for no file.
func absolute(path string) string {
	if path == "" || path == "none" {
		return path
	}
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}

// ProxyShellCommand returns the ProxyCommand with its tokens expanded, for
// $SHELL -c; "" if there is none. Host and user name were checked by Resolve.
func (c *Config) ProxyShellCommand() string {
	if c.ProxyCommand == "" {
		return ""
	}
	return c.tokens().percent(c.ProxyCommand)
}
