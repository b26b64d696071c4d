package sshconfig

import (
	"strings"
)

// EnvVar is a variable for a session's environment (RFC 4254, section 6.4).
type EnvVar struct {
	Name  string `json:"name"`
	Value []byte `json:"value"` // any bytes but NUL
}

// sessionSetters are the setters of the options about a session's environment.
var sessionSetters = map[string]func(*Config, string) bool{
	"sendenv": func(c *Config, value string) bool {
		c.SendEnv = append(c.SendEnv, value)
		return true
	},
	"setenv": func(c *Config, value string) bool {
		if !strings.Contains(value, "=") {
			return false
		}
		c.SetEnv = append(c.SetEnv, value)
		return true
	},
}

// SessionEnv returns what ssh sends to a session with this local environment
// (environ, in the form of os.Environ): the variables that SendEnv names, then
// those of SetEnv, which the server therefore takes instead (clientloop.c,
// client_session2_setup).
func (c *Config) SessionEnv(environ []string) []EnvVar {
	var sent []EnvVar
	for _, variable := range environ {
		name, value, ok := strings.Cut(variable, "=")
		if ok && matchesAny(c.SendEnv, name) {
			sent = append(sent, EnvVar{name, []byte(value)})
		}
	}
	for _, variable := range c.SetEnv {
		name, value, _ := strings.Cut(variable, "=")
		sent = append(sent, EnvVar{name, []byte(value)})
	}
	return sent
}

func matchesAny(patterns []string, name string) bool {
	for _, pattern := range patterns {
		if matches(pattern, name) {
			return true
		}
	}
	return false
}

// matches says whether the pattern, in which * stands for any characters and ?
// for one, covers all of s (match.c, match_pattern).
func matches(pattern, s string) bool {
	// Where the last star was, and how much of s it has taken so far.
	star, taken := -1, 0
	p, i := 0, 0
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, taken = p, i
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == s[i]):
			p++
			i++
		case star >= 0:
			taken++
			p, i = star+1, taken
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}
