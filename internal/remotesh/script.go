package remotesh

import (
	"bytes"
	_ "embed"
	"strings"

	"al.essio.dev/pkg/shellescape"
)

// LinkPath is the link to the forwarded agent, relative to the remote's home.
const LinkPath = ".ssh/ssh_auth_sock"

// Opening begins a script: lines for a start-up file that reads from its input,
// and one for zsh, which reads the script where a start-up file makes it take the
// place of sh. The variable taken then has its name.
const Opening = "# mosha\n# mosha\ntaken=; case ${ZSH_VERSION+z} in z) [ \"$(emulate)\" = sh ] || { taken=zsh; emulate sh; } ;; esac\n"

var (
	// Socket has functions of POSIX sh: ours tells whether a file is a socket
	// of this user's, and of_sshd whether a socket is an sshd's.
	//
	//go:embed socket.sh
	Socket string

	//go:embed agent.sh
	agentScript string

	// FindPlace has functions of POSIX sh. find_place sets the variable place
	// to the [Place] of the link, and home to its path. can tells whether the
	// user can make a link in a directory.
	//
	//go:embed place.sh
	FindPlace string

	// Loops is a function of POSIX sh: loops tells whether the agent of this
	// connection is reached through the link.
	//
	//go:embed loops.sh
	Loops string
)

// Place is where the link is, in place.sh's words.
type Place string

// The places of the link.
const (
	PlaceHome    Place = "home"    // [LinkPath] in the home
	PlaceRuntime Place = "runtime" // ssh_auth_sock in XDG_RUNTIME_DIR: the user cannot make the former
	PlaceNone    Place = "none"    // the user can make neither
)

// FindAgent has functions of POSIX sh, those of [Socket] among them. find_agent
// sets the variable agent to the socket that sshd made for the connection, empty
// if there is none. It goes by the variables of [Forwarding].
var FindAgent = Socket + agentScript

// SetAgent is a script of POSIX sh that gives what follows it the link in
// SSH_AUTH_SOCK. Where there can be none, the socket of the connection stays.
var SetAgent = Strip(FindPlace) +
	"find_place 2>/dev/null; [ \"$place\" = none ] || { SSH_AUTH_SOCK=$home; export SSH_AUTH_SOCK; }\n"

// Strip returns a script without its comments, empty lines and indentation. No
// string in our scripts goes over several lines, but for one of a line's end
// alone.
func Strip(script string) string {
	var b bytes.Buffer
	for line := range strings.Lines(script) {
		line = strings.TrimLeft(line, " ")
		if line != "\n" && !strings.HasPrefix(line, "#") {
			b.WriteString(line)
		}
	}
	return b.String()
}

// Vars returns the lines that set a script's variables: a name, its value, and
// so on.
func Vars(vars ...string) string {
	var b strings.Builder
	for i := 0; i+1 < len(vars); i += 2 {
		b.WriteString(vars[i] + "=" + shellescape.Quote(vars[i+1]) + "\n")
	}
	return b.String()
}

// Forwarding is what is known beforehand of the socket that a server makes for
// the forwarded agent.
type Forwarding struct {
	// OpenSSH is set if the server is OpenSSH's sshd. Its sockets have names
	// of their own, so that no other is taken for one: where nothing is
	// forwarded, SSH_AUTH_SOCK may be that of an agent on the remote.
	OpenSSH bool `json:"openssh"`
	// Known is the path that was found on the same connection before, "" if
	// none was.
	Known string `json:"known,omitempty"`
}

// Vars returns the shell variables that [FindAgent] needs, as [Vars] takes them.
func (f Forwarding) Vars() []string {
	openssh := ""
	if f.OpenSSH {
		openssh = "yes"
	}
	return []string{"openssh", openssh, "earlier", f.Known}
}
