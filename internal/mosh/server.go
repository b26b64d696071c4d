package mosh

import (
	"regexp"
	"strings"

	"al.essio.dev/pkg/shellescape"
)

// askIP is what the wrapper puts before the server's command with
// --experimental-remote-ip=remote.
var askIP = regexp.MustCompile(`^sh -c '[^']*MOSH SSH_CONNECTION[^']*' ; `)

// wordsOnly matches a command that is plain words and quoted words: one
// program with its arguments, whatever shell reads it.
var wordsOnly = regexp.MustCompile(`^(?:[^'";&|<>(){}$\x60\\\n]|'[^']*'|\\')*$`)

// ServerCommand returns the command that starts the server as it is given to
// the remote user's shell, which may be any. The server, and so the session,
// gets SSH_AUTH_SOCK set to link, a path below the remote home, and so has it
// even where no shell reads a start-up file. The assignment is made by env(1).
//
// A mosh-server that is not in PATH is looked for in the usual places. The
// start then prints a Found line.
//
// A --server that is more than a program with arguments is left as it is,
// because env would apply to its first part only.
func ServerCommand(command, link string) string {
	ask := askIP.FindString(command)
	server := command[len(ask):]
	for _, builtin := range []string{"exec ", "command "} { // env runs programs only
		server = strings.TrimPrefix(server, builtin)
	}
	if !wordsOnly.MatchString(server) {
		return command
	}
	if rest, ok := strings.CutPrefix(server, defaultServer+" "); ok {
		server = "sh -c " + shellescape.Quote(findServer()) + " " + defaultServer + " " + rest
	}
	return ask + `env SSH_AUTH_SOCK="$HOME/` + link + `" ` + server
}

// NamedServer returns what --server said, as it stands in a command of the
// wrapper's; "" if that is the wrapper's own word.
func NamedServer(command string) string {
	server, _, _ := strings.Cut(command[len(askIP.FindString(command)):], " 'new'")
	if server == defaultServer {
		return ""
	}
	return server
}

const defaultServer = "mosh-server"

// places are the directories where mosh-server is although PATH, which a shell
// that is no login shell may have from nowhere but sshd, does not say so. They
// are words for a shell: the user's own, package managers of macOS and Linux,
// Nix and Guix, pkgsrc, MacPorts and the others.
var places = []string{
	`"$HOME/.local/bin"`, `"$HOME/bin"`, `/usr/local/bin`,
	`/opt/homebrew/bin`, `/home/linuxbrew/.linuxbrew/bin`, `"$HOME/.linuxbrew/bin"`,
	`"$HOME/.nix-profile/bin"`, `"$HOME/.local/state/nix/profile/bin"`, `"/etc/profiles/per-user/$USER/bin"`,
	`/run/current-system/sw/bin`, `/nix/var/nix/profiles/default/bin`, `"$HOME/.guix-profile/bin"`,
	`/opt/local/bin`, `/usr/pkg/bin`, `/opt/pkg/bin`, `/opt/bin`, `/opt/mosh/bin`, `/snap/bin`, `/usr/bin`,
}

// findServer is a script for sh(1) that becomes the server, whose arguments it
// takes, or ends with 127 as a shell does that finds no such command. PATH
// stays as it is: the session's shell inherits it. The script is one line
// without quotes, backslashes and exclamation marks, since csh and fish have
// rules of their own for those.
func findServer() string {
	return `p=$0; command -v "$0" >/dev/null 2>&1 || { p=; for d in ` + strings.Join(places, " ") +
		`; do if [ -x "$d/$0" ]; then p=$d/$0; echo "` + foundPrefix + `$p"; break; fi; done; }; ` +
		`[ -n "$p" ] || exit 127; exec "$p" "$@"`
}

// foundPrefix begins the line that says where the server was found.
const foundPrefix = "MOSHA FOUND "
