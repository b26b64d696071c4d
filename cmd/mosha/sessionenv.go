package main

import (
	"strings"

	"github.com/mosha-ssh/mosha/internal/explain"
	"github.com/mosha-ssh/mosha/internal/sshconfig"
)

// maxSessionEnv bounds what a session is sent of the environment, in bytes: it
// has to go through the keeper's control socket in one line.
const maxSessionEnv = 32 << 10

// envVarCost is what each variable takes up beside its name and value.
const envVarCost = 32

// sessionEnv is what SendEnv and SetEnv have of the environment, as far as
// there is room. What there is no room for is said.
func sessionEnv(config *sshconfig.Config, environ []string) []sshconfig.EnvVar {
	var sent []sshconfig.EnvVar
	var left []string
	room := maxSessionEnv
	for _, v := range config.SessionEnv(environ) {
		cost := len(v.Name) + len(v.Value) + envVarCost
		if cost > room {
			left = append(left, v.Name)
			continue
		}
		room -= cost
		sent = append(sent, v)
	}
	if len(left) > 0 {
		warn(&explain.Failure{Message: "too long to be sent to the session: " + strings.Join(left, ", ")})
	}
	return sent
}
