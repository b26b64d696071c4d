package sshconfig

import (
	"slices"
	"strings"

	"github.com/mosha-ssh/mosha/internal/text"
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
		if ok && slices.ContainsFunc(c.SendEnv, func(pattern string) bool { return text.Match(pattern, name) }) {
			sent = append(sent, EnvVar{name, []byte(value)})
		}
	}
	for _, variable := range c.SetEnv {
		name, value, _ := strings.Cut(variable, "=")
		sent = append(sent, EnvVar{name, []byte(value)})
	}
	return sent
}
