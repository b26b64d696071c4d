package mosh

import (
	"regexp"
	"strings"
)

// askIP is what the wrapper puts before the server's command with
// --experimental-remote-ip=remote.
var askIP = regexp.MustCompile(`^sh -c '[^']*MOSH SSH_CONNECTION[^']*' ; `)

// wordsOnly matches a command that is plain words and quoted words: one
// program with its arguments, whatever shell reads it.
var wordsOnly = regexp.MustCompile(`^(?:[^'";&|<>(){}$\x60\\\n]|'[^']*'|\\')*$`)

// ServerCommand returns the command that starts the server, for whatever shell
// the remote user has. sh(1) reads it, and before it the script prepare, which
// sets the environment of the server and so of the session, even where no shell
// reads a start-up file.
//
// A mosh-server that is not in PATH is looked for in the usual places. The
// start then prints a line MOSHA FOUND. One that fails prints a line MOSHA EXIT.
//
// ServerCommand leaves a --server that is more than a program with arguments to
// the user's shell, without prepare: it may be in that shell's language.
func ServerCommand(command, prepare string) string {
	ask := askIP.FindString(command)
	server := command[len(ask):]
	if !wordsOnly.MatchString(server) {
		return command
	}
	for _, builtin := range []string{"exec ", "command "} {
		server = strings.TrimPrefix(server, builtin)
	}
	if arguments, ok := strings.CutPrefix(server, defaultServer+" "); ok {
		server = "set -- " + arguments + "; " + findServer
	}
	return anyShell("(" + prepare + ask + server + "\n); c=$?; [ $c -eq 0 ] || echo " + endedPrefix + "$c")
}

// NamedServer returns the value of --server from a command of the wrapper; ""
// if that is the wrapper's default.
func NamedServer(command string) string {
	server, _, _ := strings.Cut(command[len(askIP.FindString(command)):], " 'new'")
	if server == defaultServer {
		return ""
	}
	return server
}

const defaultServer = "mosh-server"

// places are the directories where mosh-server may be without being in PATH: a
// shell that is no login shell may have its PATH from sshd alone. They are
// words for a shell: the user's own directories, package managers of macOS and
// Linux, Nix and Guix, pkgsrc, MacPorts and the others.
var places = []string{
	`"$HOME/.local/bin"`, `"$HOME/bin"`, `/usr/local/bin`,
	`/opt/homebrew/bin`, `/home/linuxbrew/.linuxbrew/bin`, `"$HOME/.linuxbrew/bin"`,
	`"$HOME/.nix-profile/bin"`, `"$HOME/.local/state/nix/profile/bin"`, `"/etc/profiles/per-user/$USER/bin"`,
	`/run/current-system/sw/bin`, `/nix/var/nix/profiles/default/bin`, `"$HOME/.guix-profile/bin"`,
	`/opt/local/bin`, `/usr/pkg/bin`, `/opt/pkg/bin`, `/opt/bin`, `/opt/mosh/bin`, `/snap/bin`, `/usr/bin`,
}

// findServer is a script for sh(1) that becomes the server, with the script's
// arguments. Like a shell that finds no such command, it ends with 127 if there
// is none. PATH stays as it is: the session's shell inherits it.
var findServer = `s=` + defaultServer + ` p=$s; command -v $s >/dev/null 2>&1 || { p=; for d in ` + strings.Join(places, " ") +
	`; do if [ -x "$d/$s" ]; then p=$d/$s; echo "` + foundPrefix + `$p"; break; fi; done; }; ` +
	`[ -n "$p" ] || exit 127; exec "$p" "$@"`

const (
	foundPrefix = "MOSHA FOUND " // begins the line that says where the server was found
	endedPrefix = "MOSHA EXIT "  // begins the line with the exit status of a start that failed
)
