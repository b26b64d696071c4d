package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/mosha-ssh/mosha/internal/explain"
)

// sshOptions are the options of ssh(1) that mosha does not take, or takes in
// another sense, with a word for the value of those that take one.
var sshOptions = map[string]string{
	"-B": "INTERFACE", "-b": "ADDRESS", "-C": "", "-c": "CIPHER", "-E": "FILE", "-e": "CHAR", "-F": "FILE", "-G": "",
	"-I": "LIBRARY", "-i": "KEY", "-J": "HOP", "-K": "", "-k": "", "-l": "USER", "-M": "", "-m": "MAC",
	"-O": "COMMAND", "-o": "NAME=VALUE", "-Q": "QUERY", "-q": "", "-S": "SOCKET", "-s": "", "-T": "", "-t": "", "-x": "", "-y": "",
}

// sshSays are the options about which there is more to say.
var sshSays = map[string]explain.Failure{
	"-D": {Message: "unknown flag -D", Hint: "mosha HOST, mosha keep and mosha forward take tunnels"},
	"-L": {Message: "unknown flag -L", Hint: "mosha HOST, mosha keep and mosha forward take tunnels"},
	"-R": {Message: "unknown flag -R", Hint: "mosha HOST, mosha keep and mosha forward take tunnels"},
	"-g": {Message: "-g is an option of ssh", Hint: "a tunnel's address of * does the same: -L *:PORT:HOST:PORT"},
	"-W": {Message: "forwarding of standard input and output (-W) is not supported"},
	"-w": {Message: "forwarding of a network interface (-w) is not supported"},
	"-X": {Message: "X11 forwarding (-X) is not supported"},
	"-Y": {Message: "X11 forwarding (-Y) is not supported"},
	"-V": {Message: "unknown flag -V", Hint: "did you mean mosha version?"},
	"-v": {Message: "-v is an option of ssh", Hint: `those go into --ssh="ssh ..."; what happens is in mosha log HOST`},
	"-f": {Message: "-f is an option of ssh", Hint: "mosha keep HOST connects in the background"},
	"-N": {Message: "-N is an option of ssh", Hint: "mosha keep HOST connects without a session"},
	"-P": {Message: "-P is an option of ssh", Hint: `for ssh's port: --ssh="ssh -p PORT"`},
}

// ofSSH says where an option of ssh's belongs; ok is false if ssh has none of
// that name.
func ofSSH(flag string) (message, hint string, ok bool) {
	if said, ok := sshSays[flag]; ok {
		return said.Message, said.Hint, true
	}
	value, ok := sshOptions[flag]
	return flag + " is an option of ssh", fmt.Sprintf(`those go into --ssh: --ssh="%s"`, strings.TrimSpace("ssh "+flag+" "+value)), ok
}

// setting matches ssh's -oNAME=VALUE, which for mosh would be several flags.
var setting = regexp.MustCompile(`^-o[A-Za-z]+[= ]`)

// isSetting reports whether ssh's -o is among the arguments with its value.
func isSetting(args []string) bool {
	if end := slices.Index(args, "--"); end >= 0 {
		args = args[:end]
	}
	return slices.ContainsFunc(args, setting.MatchString)
}
