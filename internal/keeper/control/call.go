package control

import (
	"time"

	"github.com/mosha-ssh/mosha/internal/sshconfig"
	"github.com/mosha-ssh/mosha/internal/tunnel"
)

// Call is a line from a client: the first tells what it wants, further ones
// belong to an attach or a shell.
type Call struct {
	Version int    `json:"mosha"`
	Op      string `json:"op"`

	Attach *Attach `json:"attach,omitempty"`
	Answer *answer `json:"answer,omitempty"`
	Lease  string  `json:"lease,omitempty"`
	Start  *Start  `json:"start,omitempty"`
	Shell  *Shell  `json:"shell,omitempty"`
	Input  []byte  `json:"input,omitempty"`

	Tunnels []tunnel.Request `json:"tunnels,omitempty"`
}

// What a client can want.
const (
	OpAttach = "attach" // have the connection up, answer its questions
	opAnswer = "answer" // within an attach
	OpLease  = "lease"  // within an attach: count this session
	OpKeep   = "keep"   // within an attach: stay until stopped
	OpStart  = "start"  // have mosh-server started
	OpShell  = "shell"  // run a shell on the remote
	OpInput  = "input"  // within a shell: for its input
	OpEnd    = "end"    // within a shell: the end of its input
	OpSetup  = "setup"  // set the remote up, report what changed
	OpUnset  = "unset"  // take that back
	OpTry    = "try"    // report what setup would do
	OpTryUn  = "try-un" // report what unset would do
	OpTunnel = "tunnel" // add tunnels
	OpCancel = "cancel" // end tunnels
	OpStatus = "status"
	OpStop   = "stop" // in every version
)

// Attach describes who wants the connection up, and for what.
type Attach struct {
	// Config is what this launch found for the destination, whose ID it has.
	// The keeper goes by it from then on; nil leaves it its own.
	Config *sshconfig.Config `json:"config,omitempty"`
	// Env is the launcher's environment, see Environment. It and the directory in
	// Config count as Config does.
	Env         [][]byte `json:"env,omitempty"`
	AgentSocket string   `json:"agent_socket"` // the launcher's SSH_AUTH_SOCK, newer than the keeper's
	Session     bool     `json:"session"`      // a person acts: a session is to follow, or the keeper is to stay
	// Linger is how long the keeper stays after its last session.
	Linger time.Duration `json:"linger,omitempty"`
	// Transport is the one that is wanted; empty is whatever it was.
	Transport string `json:"transport,omitempty"`
}

// Environ returns the launcher's environment in the form of os.Environ.
func (a *Attach) Environ() []string {
	var environ []string
	for _, variable := range a.Env {
		environ = append(environ, string(variable))
	}
	return environ
}

const (
	// maxVariable bounds a variable of a launch, and maxEnv all of them, in
	// bytes, so that they have room in a call. Few environments have more than
	// 10 KB.
	maxVariable = 32 << 10
	maxEnv      = 256 << 10
)

// Environment returns what a launcher sends of its environment (environ, in the
// form of os.Environ): what is too large to be sent is left out.
func Environment(environ []string) [][]byte {
	var sent [][]byte
	left := maxEnv
	for _, variable := range environ {
		if len(variable) > min(maxVariable, left) {
			continue
		}
		left -= len(variable)
		sent = append(sent, []byte(variable))
	}
	return sent
}

// Start is a request to start mosh-server.
type Start struct {
	Command string             `json:"command"`
	Pty     *Pty               `json:"pty,omitempty"` // nil: no terminal
	Env     []sshconfig.EnvVar `json:"env,omitempty"` // those that the server does not accept are left out there
}

// Pty describes the terminal that a command is started on (RFC 4254, 6.2).
type Pty struct {
	Term          string `json:"term"`
	Columns, Rows uint32
}

// Shell is a request for a POSIX shell on the remote, beside whatever else the
// connection carries.
type Shell struct {
	Agent bool `json:"agent"` // with the agent forwarded
}
