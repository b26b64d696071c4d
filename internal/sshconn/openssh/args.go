package openssh

import (
	"slices"
	"strings"

	"al.essio.dev/pkg/shellescape"

	"github.com/mosha-ssh/mosha/internal/sshconfig"
	"github.com/mosha-ssh/mosha/internal/sshconn/helper"
)

// arguments returns the command line of an ssh that is a ControlMaster and
// nothing else, with its sockets in dir. asks reports whether somebody can
// answer its questions. An unattended ssh, which no person ran, adds no key to
// the agent.
//
// ssh takes the first of several values of an option. So ours stand before the
// user's, and override the configuration too.
func arguments(cfg *sshconfig.Config, dir helper.Dir, connection []option, asks, unattended bool) []string {
	args := slices.Clone(cfg.Program())
	for _, option := range append([]option{
		{"ControlMaster", "yes"},
		{"ControlPath", pathValue(dir.Control())},
		{"ControlPersist", "no"},
		{"ForwardAgent", pathValue(dir.Agent())},
		{"ForwardX11", "no"},
		{"ClearAllForwardings", "yes"},
		{"PermitLocalCommand", "no"},
		{"RemoteCommand", "none"},
		{"ServerAliveInterval", "0"}, // the keeper asks
		{"LogLevel", "DEBUG1"},
		{"BatchMode", yesNo(!asks)},
	}, connection...) {
		args = append(args, "-o", option.name+"="+option.value)
	}
	if unattended {
		args = append(args, "-o", "AddKeysToAgent=no")
	}
	if cfg.CanonicalizeHostname {
		args = append(args, "-o", "CanonicalizeHostname=always") // behind a ProxyCommand, too
	}
	if cfg.ForkAfterAuthentication {
		args = append(args, "-o", "ForkAfterAuthentication=no") // unknown before OpenSSH 8.7
	}
	args = append(args, cfg.ConnectionOptions()...)
	return append(args, "-N", "-T", "--", cfg.Dest)
}

// option is an option of ssh_config.
type option struct{ name, value string }

// passedOn are the options by which ssh gets its connection from this process
// (ProxyUseFdpass). This process makes, watches and ends it as it does for the
// native transport, and an ssh whose keeper was killed loses it.
func passedOn(dir helper.Dir) []option {
	return []option{
		{"ProxyCommand", escapePercent(shellescape.Quote(dir.PassProgram()))}, {"ProxyUseFdpass", "yes"},
	}
}

// pathValue writes a path as the value of an option that takes quotes and percent
// tokens.
func pathValue(path string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, `%`, `%%`).Replace(path) + `"`
}

// fileList writes paths as the value of an option that takes quotes alone.
func fileList(paths []string) string {
	quoted := make([]string, len(paths))
	for i, path := range paths {
		quoted[i] = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(path) + `"`
	}
	return strings.Join(quoted, " ")
}

func escapePercent(s string) string { return strings.ReplaceAll(s, "%", "%%") }

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// environ returns the environment of that ssh, but for SSH_ASKPASS_REQUIRE. With
// BatchMode it asks nothing.
func environ(env []string, dir helper.Dir, agentSocket string) []string {
	env = slices.DeleteFunc(slices.Clone(env), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return name == "SSH_AUTH_SOCK" || name == "SSH_ASKPASS" || name == "SSH_ASKPASS_REQUIRE" || name == "SSH_ASKPASS_PROMPT"
	})
	if agentSocket != "" {
		env = append(env, "SSH_AUTH_SOCK="+agentSocket)
	}
	return append(env, "SSH_ASKPASS="+dir.AskProgram())
}
